"""Two models of one catalogue, before and after its labels were corrected, on the same test products."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context
from shelfwise.errors import LabelError
from shelfwise.evaluation.before_after import before_after, before_after_markdown
from shelfwise.export.loading import open_model
from shelfwise.model.model import Model, require_members


def compare_models_on_disk(before: Path, after: Path, source: Path, context: Context) -> dict[str, Any]:
    """Compare two models on disk on the products of `source`; leaves ``before_after.json`` and ``.md`` in the second one's report.

    Raises:
        ShelfwiseError: as :func:`compare_retrained`; or a model or `source` cannot be read.
    """
    models = [require_members(open_model(folder), "be compared with another") for folder in (before, after)]
    test = read_catalog(source, models[1].config.catalog, context).catalog
    found = compare_retrained(models[0], models[1], test, context)
    report = after / "report"
    (report / "before_after.json").write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    (report / "before_after.md").write_text(before_after_markdown(found) + "\n", "utf-8")
    return found


def compare_retrained(before: Model, after: Model, test: Catalog, context: Context) -> dict[str, Any]:
    """What retraining changed, as :func:`~shelfwise.evaluation.before_after.before_after` tells it, and "left_out".

    Products that either model learnt from are left out: where no test catalogue was given, corrections may have changed which
    products were kept back. A label that only one model knows counts for both, and the other never gives it.

    Raises:
        LabelError: the models read category paths in different ways.
        CatalogError: no product is left to test on.
    """
    modes = before.labels.mode, after.labels.mode
    if modes[0] != modes[1]:
        raise LabelError(
            f"the models cannot be compared: one reads labels as {modes[0]}, the other as {modes[1]}; train both with one mode"
        )
    test, left_out = usable_for_test(test, known=[*_learnt(before), *_learnt(after)])
    names = tuple(sorted({*before.labels.names, *after.labels.names}))
    truth = LabelSet(names, modes[0]).encode(test.column("categories")) > 0
    first, second = (_decided(model, test, names, context) for model in (before, after))
    found = before_after(truth, first, second, names, after.config.evaluation.bootstrap, after.config.seed)
    return {**found, "left_out": left_out}


def _learnt(model: Model) -> set[str]:
    known = set() if model.nearest_neighbours is None else set(model.nearest_neighbours.ids)
    return known | (set() if model.out_of_fold is None else set(model.out_of_fold.ids))


def _decided(model: Model, catalog: Catalog, names: tuple[str, ...], context: Context) -> Bools:
    """The model's decisions, in the order of `names`."""
    whole = np.zeros((len(catalog), len(names)), np.bool_)
    columns = [names.index(name) for name in model.labels.names]
    whole[:, columns] = model.decide(model.scores(model.predict_members(catalog, context)))
    return whole
