"""One linear text member on more products than its n-grams fit in memory: processor seconds, peak memory, F1.

Generated products with one to three labels of a long tail, a title of 8 words and a description of 30, of
which a third hint at a label. Targets are sparse. Counting n-grams and fitting are timed; 5,000 further
products are labelled at a threshold of .5.

    python benchmarks/linear_in_batches.py 1000000 --labels 1000
"""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from command_line import described

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.modalities.text_linear import TextLinear

WORDS = 50_000
TITLE_WORDS = 8
TEXT_WORDS = 38
ASKED = 5_000


def generated(products: int, labels: int, seed: int) -> tuple[Catalog, sp.csr_array]:
    """Products and their targets (N, L)."""
    draw = np.random.default_rng(seed)
    weights = 1 / np.arange(1, labels + 1) + 1 / labels
    own = draw.choice(labels, (products, 3), p=weights / weights.sum())
    # the same label twice or three times over makes products with fewer labels
    repeats = draw.random((products, 2)) < 0.5
    own[:, 1:] = np.where(repeats, own[:, :1], own[:, 1:])
    rows = np.repeat(np.arange(products), 3)
    ones = np.ones(rows.size, np.float32)
    targets = sp.csr_array((ones, (rows, own.ravel())), shape=(products, labels))
    targets.data[:] = 1
    # whatever the seed, a label has the same twelve words
    hints = np.random.default_rng(0).integers(0, WORDS, (labels, 12))
    titles: list[str] = []
    descriptions: list[str] = []
    for start in range(0, products, 10_000):
        some = own[start : start + 10_000]
        words = _words(draw, some, hints)
        titles += [" ".join(row[:TITLE_WORDS]) for row in words]
        descriptions += [" ".join(row[TITLE_WORDS:]) for row in words]
    ids = [str(number) for number in range(products)]
    table = pa.table({"id": ids, "title": titles, "description": descriptions})
    return Catalog(table, Path()), targets


def _words(draw: np.random.Generator, own: Any, hints: Any) -> list[list[str]]:
    shape = (len(own), TEXT_WORDS)
    label = np.take_along_axis(own, draw.integers(0, 3, shape), axis=1)
    hint = hints[label, draw.integers(0, hints.shape[1], shape)]
    # common words are common
    noise = (WORDS * draw.random(shape) ** 3).astype(np.int64)
    chosen = np.where(draw.random(shape) < 1 / 3, hint, noise)
    return [[f"w{word:x}" for word in row] for row in chosen.tolist()]


def main() -> None:
    """Generate, fit, label, and print a line of JSON."""
    parser = described(__doc__)
    parser.add_argument("products", type=int)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--exact-up-to", type=int, default=100_000)
    options = parser.parse_args()
    catalog, targets = generated(options.products, options.labels, seed=1)
    settings = TextLinear.Settings(exact_up_to=options.exact_up_to)
    member = TextLinear(settings, "title+description")
    began = time.process_time()
    inputs = member.prepare(catalog, Context())
    prepared = time.process_time()
    exact = options.products <= options.exact_up_to
    # the exact solver reads dense targets
    wanted = targets.toarray() if exact else targets
    member.fit(Examples(inputs, wanted), None, Context())
    fitted = time.process_time()
    asked, known = generated(ASKED, options.labels, seed=2)
    probabilities, _ = member.predict(member.prepare(asked, Context()), Context())
    line = {
        "products": options.products,
        "labels": options.labels,
        "prepare_cpu": round(prepared - began, 1),
        "fit_cpu": round(fitted - prepared, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "micro_f1": round(micro_f1(known.toarray() > 0, probabilities > 0.5), 4),
        **member.provenance(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
