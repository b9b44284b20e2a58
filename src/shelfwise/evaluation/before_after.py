"""Two models of one catalogue on the same test products: what correcting the training labels changed.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, MultiHot
from shelfwise.disk.files import write_text_atomically
from shelfwise.errors import LabelError
from shelfwise.export.loading import open_model
from shelfwise.metrics.bootstrap import paired_bootstrap
from shelfwise.metrics.multilabel import decision_metrics, per_label
from shelfwise.model.model import Model, require_members
from shelfwise.model.unseen_scores import unseen_scores
from shelfwise.reports.paper_tables import markdown

FIGURES = ("micro_f1", "macro_f1", "micro_precision", "micro_recall")
"""The figures of all labels together that are compared."""

_ACTION = "be compared with another"


def open_older_model(folder: Path) -> Model:
    """The model that a new one is compared with. Opened before the training, which may take its place.

    Raises:
        BundleError: there is none, it was changed, or it is an exported one.
    """
    return require_members(open_model(folder), _ACTION)


def compare_with_saved(
    before: Model, after: Path, source: Path, context: Context
) -> dict[str, Any]:
    """Compare a model with the one that was saved to `after`, on the products of `source`.

    Leaves ``before_after.json`` and ``before_after.md`` in the report folder of the second one.

    Raises:
        ShelfwiseError: as :func:`compare_retrained`; or the model or `source` cannot be read.
    """
    second = require_members(open_model(after), _ACTION)
    # read as the newer model reads its own catalogue
    test = read_catalog(source, second.config.catalog, context).catalog
    found = compare_retrained(before, second, test, context)
    report = after / "report"
    text = json.dumps(found, ensure_ascii=False, indent=1)
    write_text_atomically(report / "before_after.json", text)
    write_text_atomically(report / "before_after.md", before_after_markdown(found) + "\n")
    return found


def compare_retrained(
    before: Model, after: Model, test: Catalog, context: Context
) -> dict[str, Any]:
    """What retraining changed, as :func:`before_after` gives it, and "left_out".

    A training product of a model is judged by its out-of-fold scores, by models that had not seen it. It is
    left out if there are none. A label that only one model knows counts for both; the other never
    gives it.

    Raises:
        LabelError: the models read category paths in different ways.
        CatalogError: no product is left to test on.
    """
    mode = after.labels.mode
    if before.labels.mode != mode:
        reason = f"one reads labels as {before.labels.mode}, the other as {mode}"
        raise LabelError(f"the models cannot be compared: {reason}; train both with one mode")
    training_ids = [*_training_ids(before), *_training_ids(after)]
    test, left_out = usable_for_test(test, known=training_ids)
    # both models are measured on the labels of the two, in one order
    names = tuple(sorted({*before.labels.names, *after.labels.names}))
    truth = LabelSet(names, mode).encode(test.column("categories")) > 0
    decided_before = _decisions(before, test, names, context)
    decided_after = _decisions(after, test, names, context)
    found = before_after(
        truth,
        decided_before,
        decided_after,
        names,
        resamples=after.config.evaluation.bootstrap,
        seed=after.config.seed,
    )
    return {**found, "left_out": left_out}


def before_after(
    truth: MultiHot,
    before: MultiHot,
    after: MultiHot,
    names: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures before and after, and the labels whose F1 changed.

    Args:
        truth: (N, L) of the test products, at least one.
        before, after: decisions (N, L) of the two models.
        names: the L labels.
        resamples: for the interval of the difference in micro-F1 (paired bootstrap over products), 0: none.

    Returns:
        "products"; "before" and "after" with :data:`FIGURES`; "difference" as
        :class:`~shelfwise.metrics.bootstrap.Comparison` has it, or None; "labels": label, before, after,
        change and total (test products with it), those that changed most first, unchanged ones left out.
    """
    difference = None
    # in this order a positive difference means that `after` is better
    if resamples:
        difference = asdict(paired_bootstrap(truth, after, before, "micro_f1", resamples, seed))
    return {
        "products": len(truth),
        "before": _figures(truth, before),
        "after": _figures(truth, after),
        "difference": difference,
        "labels": _changed_labels(truth, before, after, names),
    }


def before_after_markdown(found: Mapping[str, Any], top: int = 15) -> str:
    """The figures and the `top` labels that changed most, in Markdown, in percent."""
    before = found["before"]
    after = found["after"]
    overall = []
    for name in FIGURES:
        # micro_f1 is written micro-F1, as everywhere else
        title = name.replace("_", "-").replace("f1", "F1")
        overall.append([title, *_cells(before[name], after[name])])
    labels = []
    for row in found["labels"][:top]:
        cells = _cells(row["before"], row["after"])
        labels.append([row["label"], *cells, str(row["total"])])
    products = f"on {found['products']} test products"
    blocks = [markdown([products, "before", "after", "change"], overall)]
    difference = found["difference"]
    if difference is not None:
        low = f"{100 * difference['low']:+.2f}"
        high = f"{100 * difference['high']:+.2f}"
        blocks.append(f"95 % interval of the change in micro-F1: {low} to {high}")
    if labels:
        blocks.append(
            markdown(["label", "F1 before", "F1 after", "change", "test products"], labels)
        )
    return "\n\n".join(blocks)


def _training_ids(model: Model) -> set[str]:
    """The training products that the model has no out-of-fold scores of, as far as it remembers them."""
    if model.nearest_neighbours is None:
        return set()
    known = set(model.nearest_neighbours.ids)
    return known if model.out_of_fold is None else known - set(model.out_of_fold.ids)


def _decisions(model: Model, catalog: Catalog, names: tuple[str, ...], context: Context) -> Bools:
    """The model's decisions (N, L), in the order of `names`."""
    # a label that the model does not know stays False
    decided = np.zeros((len(catalog), len(names)), np.bool_)
    columns = [names.index(name) for name in model.labels.names]
    scores = unseen_scores(model, catalog, context).scores
    decided[:, columns] = model.decide(scores)
    return decided


def _figures(truth: MultiHot, decided: MultiHot) -> dict[str, float]:
    """:data:`FIGURES` of one model."""
    figures = decision_metrics(truth, decided)
    return {name: figures[name] for name in FIGURES}


def _changed_labels(
    truth: MultiHot, before: MultiHot, after: MultiHot, names: Sequence[str]
) -> list[dict[str, Any]]:
    """The labels whose F1 changed, most first."""
    old = per_label(truth, before)["f1"].tolist()
    counted = per_label(truth, after)
    new = counted["f1"].tolist()
    totals = counted["support"].tolist()
    rows = []
    for i, name in enumerate(names):
        # exactly equal: the same decisions give the same F1, to the last bit
        if new[i] != old[i]:
            rows.append(
                {
                    "label": name,
                    "before": old[i],
                    "after": new[i],
                    "change": new[i] - old[i],
                    "total": totals[i],
                }
            )
    # of equal changes the first name comes first, so that the order is always the same
    return sorted(rows, key=lambda row: (-abs(row["change"]), row["label"]))


def _cells(before: float, after: float) -> list[str]:
    """Two shares and their difference, in percent."""
    change = after - before
    return [
        f"{100 * before:.2f}",
        f"{100 * after:.2f}",
        f"{100 * change:+.2f}",
    ]
