"""Training one linear text member on a catalogue of many labels: processor seconds, peak memory, F1.

Writes a catalogue of generated products into a folder: two levels of categories with a long tail, one to
three leaves a product, a title of 8 words and a description of 30. Words hint at a leaf, at its parent or at
nothing. The training is a process of its own, with one thread.

    python benchmarks/many_labels.py FOLDER --products 32000 --labels 5000 [--tree-from L] [--no-letters]

``--tree-from`` is the setting of the member; above L its classifiers are exact. ``--source SRC`` measures
another version.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described

SETTINGS: dict[str, Any] = {
    "refit": False,
    "decide_with": "text",
    "labels": {"min_count": 2},
    "split": {"validation_fraction": 0.1},
    "members": {"text": {"modality": "text_linear", "field": "title+description"}},
    "systems": {},
}
WORDS = 20_000
LEAVES_A_PARENT = 20


def write_catalog(path: Path, products: int, labels: int) -> None:
    """Write so many products; so many leaves and parents are drawn from, and each is a label."""
    draw = np.random.default_rng(0)
    parents = max(1, labels // (LEAVES_A_PARENT + 1))
    leaves = labels - parents
    # a Zipf tail with a floor
    weights = 1 / np.arange(1, leaves + 1) + 1 / leaves
    weights /= weights.sum()
    # each leaf and each parent has words of its own, shared by chance with others
    leaf_words = draw.integers(0, WORDS, (leaves, 12))
    parent_words = draw.integers(0, WORDS, (parents, 30))
    with path.open("w", encoding="utf-8") as file:
        for number in range(products):
            own = np.unique(draw.choice(leaves, 1 + draw.integers(3), p=weights))
            title = _words(draw, own, leaf_words, parent_words, 8)
            if draw.random() < 1 / 3:
                title += f" m{draw.integers(10**6)}"
            paths = [[f"parent {leaf % parents}", f"leaf {leaf}"] for leaf in own.tolist()]
            product = {
                "id": str(number),
                "title": title,
                "description": _words(draw, own, leaf_words, parent_words, 30),
                "categories": paths,
            }
            file.write(json.dumps(product) + "\n")


def _words(draw: Any, own: Any, leaf_words: Any, parent_words: Any, count: int) -> str:
    """Words of a text: a third of the leaves, a third of their parents, the rest of nothing."""
    leaves = draw.choice(own, count)
    of_leaves = leaf_words[leaves, draw.integers(0, leaf_words.shape[1], count)]
    parents = leaves % len(parent_words)
    of_parents = parent_words[parents, draw.integers(0, parent_words.shape[1], count)]
    # common words are common
    of_nothing = (WORDS * draw.random(count) ** 3).astype(int)
    kinds = draw.integers(0, 3, count)
    chosen = np.choose(kinds, [of_leaves, of_parents, of_nothing])
    return " ".join(f"w{word:x}" for word in chosen.tolist())


def train_in_this_process(catalog: Path, out: Path, member: dict[str, Any]) -> None:
    """Train with these settings of the member, and print a line of JSON."""
    from shelfwise.commands.train import train
    from shelfwise.config import Config

    members = {"text": {**SETTINGS["members"]["text"], "settings": member}}
    started = time.monotonic()
    results = train(catalog, out, Config.parse({**SETTINGS, "members": members}))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    system = results["systems"]["text"]
    stages = {one["stage"]: round(one["seconds"], 1) for one in results["timings"]}
    line = {
        "products": results["data"]["train"],
        "labels": results["data"]["labels"],
        "seconds": round(time.monotonic() - started),
        "cpu": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": usage.ru_maxrss // 1024,
        "micro_f1": round(system["micro_f1_tuned"], 4),
        "macro_f1": round(system["macro_f1_tuned"], 4),
        "stages": stages,
        **results["members"]["text"]["provenance"],
    }
    print(json.dumps(line))


def main() -> None:
    """Make the catalogue where it is not there, and train on it."""
    parser = described(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--products", type=int, default=32_000)
    parser.add_argument("--labels", type=int, default=5_000)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[1] / "src")
    parser.add_argument("--tree-from", type=int, help="unset: the default of the version")
    parser.add_argument("--no-letters", action="store_true", help="words and pairs of them only")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    name = f"{options.products}x{options.labels}"
    catalog = options.folder / f"{name}.jsonl"
    out = options.folder / f"model_{name}"
    if options.child:
        member: dict[str, Any] = {"letters": ()} if options.no_letters else {}
        if options.tree_from is not None:
            member["tree_from"] = options.tree_from
        train_in_this_process(catalog, out, member)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    if not catalog.exists():
        write_catalog(catalog, options.products, options.labels)
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(options.source)}
    # the same words, for the process that trains
    subprocess.run([sys.executable, *sys.argv, "--child"], env=environment, check=True)


if __name__ == "__main__":
    main()
