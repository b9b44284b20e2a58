"""Near-copies among many products: recall and precision on planted ones, time and memory.

    python benchmarks/near_copies.py 1000000
    python benchmarks/near_copies.py --sample FOLDER

Texts of 24 words are drawn from 20,000 words, common ones more often. One in fifty products is a copy of an
earlier one with 0 to 3 of its words replaced. A boilerplate of 30 words stands below 30 % of the texts.
Recall: copies in one group with their original. Precision: pairs of one group that are of one family.

FOLDER is one of `shelfwise sample`, whose list of near-copies is taken for the truth. Its texts are put
together from few sentences, so that pairs that are no copies are similar, too.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample.planted_copies import PLANTED_COPIES
from shelfwise.catalog.similar_texts import similar_groups
from shelfwise.core.types import Rows

WORDS, VOCABULARY, BOILERPLATE = 24, 20_000, 30
COPY_SHARE, BOILERPLATE_SHARE, MOST_CHANGED = 0.02, 0.3, 3


@dataclass(frozen=True)
class Products:
    """N products, and which are copies.

    Args:
        columns: (N,) texts each.
        original: (N,) the row of the product that each was copied from; its own where it is no copy.
        changed: (N,) words changed.
    """

    columns: list[pa.ChunkedArray]
    original: Rows
    changed: Rows


def generated(products: int, seed: int) -> Products:
    """Texts of this script."""
    rng = np.random.default_rng(seed)
    # the most frequent word is a hundred times as frequent as the rarest
    weights = 1 / (np.arange(VOCABULARY) + VOCABULARY / 100)
    words = rng.choice(VOCABULARY, (products, WORDS), p=weights / weights.sum())
    original = np.arange(products)
    copies = np.flatnonzero(rng.random(products) < COPY_SHARE)
    # of one that is no copy itself
    originals = np.setdiff1d(original, copies)
    original[copies] = rng.choice(originals, len(copies))
    words[copies] = words[original[copies]]
    changed = np.zeros(products, np.int64)
    changed[copies] = rng.integers(MOST_CHANGED + 1, size=len(copies))
    for row in copies.tolist():
        places = rng.choice(WORDS, changed[row], replace=False)
        words[row, places] = rng.integers(VOCABULARY, size=changed[row])
    names = np.array([f"w{number}" for number in range(VOCABULARY)], dtype=object)
    below = " " + " ".join(f"service{number}" for number in range(BOILERPLATE))
    has_boilerplate = (rng.random(products) < BOILERPLATE_SHARE).tolist()
    texts = []
    for row, has in enumerate(has_boilerplate):
        texts.append(" ".join(names[words[row]]) + (below if has else ""))
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    return Products([column], original, changed)


def of_sample(folder: Path) -> Products:
    """The products of `shelfwise sample`."""
    catalog = read_catalog(folder / "catalog.jsonl").catalog
    row_of = {identity: row for row, identity in enumerate(catalog.ids)}
    original = np.arange(len(catalog))
    changed = np.zeros(len(catalog), np.int64)
    for line in (folder / PLANTED_COPIES).read_text("utf-8").splitlines():
        planted = json.loads(line)
        row = row_of[planted["id"]]
        original[row] = row_of[planted["copy_of"]]
        changed[row] = planted["words_changed"]
    columns = [catalog.table.column("title"), catalog.table.column("description")]
    return Products(columns, original, changed)


def families(original: Rows) -> Rows:
    """(N,) the first original of each product; a copy of a copy is of one family with both."""
    while (original != original[original]).any():
        original = original[original]
    return original


def measured(given: Products) -> dict[str, object]:
    """The figures of one run."""
    original, changed = given.original, given.changed
    products = len(original)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began, processor = time.monotonic(), time.process_time()
    groups = similar_groups(given.columns, max(50, products // 20))
    seconds, processor = time.monotonic() - began, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    is_copy = original != np.arange(products)
    found = groups == groups[original]
    recall = {
        str(count): round(float(found[is_copy & (changed == count)].mean()), 4)
        for count in np.unique(changed[is_copy]).tolist()
    }
    right, all_pairs = pairs_in(groups * products + families(original)), pairs_in(groups)
    return {
        "products": products,
        "copies": int(is_copy.sum()),
        "recall": round(float(found[is_copy].mean()), 4),
        "recall_by_words_changed": recall,
        "precision": round(right / max(all_pairs, 1), 5),
        "largest_group": int(np.bincount(groups).max()),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "memory_before_mb": before.ru_maxrss // 1024,
        "peak_memory_mb": peak // 1024,
    }


def pairs_in(groups: Rows) -> int:
    """How many pairs of products share a group."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("products", type=int, nargs="?")
    what.add_argument("--sample", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.sample is None:
        chosen = generated(options.products, options.seed)
    else:
        chosen = of_sample(options.sample)
    print(json.dumps(measured(chosen), indent=1))
