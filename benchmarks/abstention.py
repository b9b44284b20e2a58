"""How well novel products are told from known ones.

python benchmarks/abstention.py CATALOG --test CATALOG --out DIR

Categories are sorted by their number of training products, and the most frequent are left out. The others are
dealt out to draws: of 8 draws the first holds out the categories of rank 1, 9 and 17. All their products are
taken from CATALOG, and a model is trained on the rest. Among all test products, those of the held-out
categories should have the highest novelty scores. The method was chosen on the draws 0, 2 and 4 and on
categories that no draw holds out; quote the figures of the other draws.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from shelfwise.catalog.labels import LabelSet, stable_labels
from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.split import split_rows
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.novelty.conformal import log_prob_no_label
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.fit import fit_model

ALARMS = 0.05
"""Rate of false alarms at which products are held back."""

COLUMNS = ("auroc", "fpr95", "found", "false_alarms")
HEAD = {"epochs": 40, "batch_size": 128, "schedule": "cosine", "loss": "bce", "patience": 4}
SETTINGS: dict[str, Any] = {
    "decide_with": "all",
    "stacking": {"fitted_on": "in_sample"},  # a mean is not trained: it needs no out-of-fold scores
    "members": {
        "text": {"modality": "text_linear", "field": "title+description"},
        "sentence": {
            "modality": "text_transformer",
            "field": "title+description",
            "settings": {"train_last": 0, "training": HEAD},
        },
        "image": {
            "modality": "image",
            "field": "image",
            "settings": {
                "train_last": 0,
                "hidden": 512,
                "dropout": 0.5,
                "training": {"epochs": 25, "loss": "bce", "batch_size": 128, "patience": 3},
            },
        },
    },
    "systems": {"all": {"policy": "mean", "members": ["text", "sentence", "image"]}},
}


def main() -> None:
    """Run the requested draws; leave one file each, and their table, in DIR."""
    wanted = arguments()
    config = Config.parse({**SETTINGS, "labels": {"min_count": wanted.min_count}})
    cache = Path(os.environ.get("SHELFWISE_CACHE") or Path.home() / ".cache" / "shelfwise")
    context = Context(seed=config.seed, cache=cache)
    train, test = (
        read_catalog(path, config.catalog, context).catalog
        for path in (wanted.catalog, wanted.test)
    )
    kinds = leaves(train, wanted.path)
    test_kinds = leaves(test, wanted.path)
    order = [
        name for name, _ in sorted(Counter(kinds).items(), key=lambda item: (-item[1], item[0]))
    ]
    dealt = order[wanted.skip : wanted.skip + wanted.categories * wanted.draws]
    wanted.out.mkdir(parents=True, exist_ok=True)
    for draw in wanted.only if wanted.only is not None else range(wanted.draws):
        held = dealt[draw :: wanted.draws]
        known = train.take(np.flatnonzero(~np.isin(kinds, held)))
        figures = measure(known, test, np.isin(test_kinds, held), config, context)
        (wanted.out / f"draw{draw}.json").write_text(
            json.dumps({"draw": draw, "held_out": held, **figures}, indent=1), "utf-8"
        )
    draws = [json.loads(path.read_text("utf-8")) for path in sorted(wanted.out.glob("draw*.json"))]
    (wanted.out / "abstention.md").write_text(summary(draws), "utf-8")
    print(summary(draws))


def measure(
    train: Catalog, test: Catalog, novel: NDArray[np.bool_], config: Config, context: Context
) -> dict[str, Any]:
    """One draw: train on known products, and see how well `novel` (N,) test products are told from them."""
    started = time.process_time()
    labels, training_set = labels_and_training_set(train, config)
    model = fit_model(training_set, labels, config, context)
    assert model.novelty is not None
    fitted, around = model.novelty.conformal, model.novelty.text_distance
    scores = model.scores(model.predict_members(test, context))
    signals = {
        "log_prob_no_label": log_prob_no_label(scores),
        **({} if around is None else around.distances(test, context)),
    }
    abstained = fitted.is_novel(model.novelty.p_values(test, scores, context), ALARMS)
    return {
        "products": novel.size,
        "strange": int(novel.sum()),
        **separation(novel, fitted.novelty_score(signals)),
        "found": float(abstained[novel].mean()),
        "false_alarms": float(abstained[~novel].mean()),
        "signals": {
            name: separation(novel, np.nan_to_num(values, nan=-1.0))
            for name, values in signals.items()
        },
        "cpu_seconds": time.process_time() - started,
    }


def labels_and_training_set(catalog: Catalog, config: Config) -> tuple[LabelSet, TrainingSet]:
    """Labels and training set, with no product kept for a test, as `shelfwise train --test` makes them."""
    labels, kept = stable_labels(catalog.column("categories"), config.labels)
    products = catalog.take(kept)
    targets, groups = labels.encode(products.column("categories")), near_copies(products)
    split = split_rows(targets, groups, config.split, config.seed, test_given=True)
    return labels, TrainingSet(products, targets, split.train, split.validation, groups)


def separation(novel: Any, values: Any) -> dict[str, float]:
    """AUROC, and the share of the others that passes for novel where 95 in 100 novel ones are found."""
    found = np.quantile(values[novel], 0.05)
    return {
        "auroc": float(roc_auc_score(novel, values)),
        "fpr95": float((values[~novel] >= found).mean()),
    }


def leaves(catalog: Catalog, path: int) -> Any:
    """(N,) the last name of each product's path at that place; empty where there is none."""
    return np.array(
        [
            paths[path][-1] if paths and len(paths) > path else ""
            for paths in catalog.column("categories")
        ],
        dtype=object,
    )


def summary(draws: list[dict[str, Any]]) -> str:
    """The draws as a Markdown table, with mean and standard deviation."""
    rows = [
        f"| {d['draw']} | {', '.join(d['held_out'])} | "
        + " | ".join(f"{d[c]:.3f}" for c in COLUMNS)
        + " |"
        for d in draws
    ]
    values = np.array([[d[c] for c in COLUMNS] for d in draws])
    spread = values.std(axis=0, ddof=1) if len(draws) > 1 else np.zeros(len(COLUMNS))
    rows.append(
        "| mean, deviation | | "
        + " | ".join(f"{m:.3f}, {s:.3f}" for m, s in zip(values.mean(axis=0), spread, strict=True))
        + " |"
    )
    return (
        "\n".join(
            [
                "| draw | held out | " + " | ".join(COLUMNS) + " |",
                "|---|---|" + "---|" * len(COLUMNS),
                *rows,
            ]
        )
        + "\n"
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--path", type=int, default=0, help="which of a product's category paths names its kind"
    )
    parser.add_argument("--min-count", type=int, default=15)
    parser.add_argument(
        "--skip", type=int, default=6, help="most frequent kinds that are never held out"
    )
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--categories", type=int, default=3, help="kinds held out in one draw")
    parser.add_argument("--only", type=int, nargs="*", help="these draws only")
    return parser.parse_args()


if __name__ == "__main__":
    main()
