"""The search for nearly the same pictures among very many: recall by differing bits, time and memory.

    python benchmarks/near_pictures.py 1000000

Hashes of 256 random bits are drawn, of three views a product. One product in fifty is a copy of another: one
of its views is that of the other with up to 32 bits turned over. Hashes of real pictures are less random, so
that more are compared; benchmarks/near_copies_by_picture.py has real pictures.
"""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import numpy as np
from command_line import described

from shelfwise.vision.picture_hashes import HASH_BITS, PictureHashes
from shelfwise.vision.similar_pictures import MOST_DIFFERING, similar_pictures

VIEWS = 3
COPY_SHARE = 0.02
BITS_TOGETHER = 8
"""Recall is told for so many numbers of differing bits at a time."""


def main() -> None:
    """Draw hashes, search them, and print the figures."""
    parser = described(__doc__)
    parser.add_argument("products", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    count = options.products
    hashes = rng.integers(0, 256, (count, VIEWS, HASH_BITS // 8), np.uint8)
    copies = np.flatnonzero(rng.random(count) < COPY_SHARE)
    originals = rng.choice(np.setdiff1d(np.arange(count), copies), len(copies), replace=False)
    differing = rng.integers(MOST_DIFFERING + 1, size=len(copies))
    for copy, original, bits in zip(copies, originals, differing, strict=True):
        turned = np.zeros(HASH_BITS, np.bool_)
        turned[rng.choice(HASH_BITS, bits, replace=False)] = True
        hashes[copy, 0] = hashes[original, 0] ^ np.packbits(turned)
    pictures = PictureHashes(hashes, np.ones(count, np.bool_), flat=0, refused={})
    line = searched(pictures, copies, originals, differing)
    print(json.dumps(line, indent=1))


def searched(
    pictures: PictureHashes, copies: Any, originals: Any, differing: Any
) -> dict[str, Any]:
    """Figures of one search for planted pairs."""
    count = len(pictures.usable)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, processor = time.monotonic(), time.process_time()
    pairs = similar_pictures(pictures)
    seconds, processor = time.monotonic() - began, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wanted = np.minimum(copies, originals) * count + np.maximum(copies, originals)
    found = np.isin(wanted, pairs.first * count + pairs.second)
    groups = differing // BITS_TOGETHER * BITS_TOGETHER
    return {
        "products": count,
        "copies": len(copies),
        "recall": round(float(found.mean()), 4),
        "recall_from_so_many_bits_on": {
            int(bits): round(float(found[groups == bits].mean()), 4) for bits in np.unique(groups)
        },
        "precision": round(float(found.sum() / max(len(pairs.first), 1)), 4),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "memory_before_mb": before // 1024,
        "peak_memory_mb": peak // 1024,
    }


if __name__ == "__main__":
    main()
