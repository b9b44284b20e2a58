"""shelfwise itself, on the same rows: a saved model (``bundle:FOLDER``), or a preset (``preset:NAME``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from harness import Fitted, Floats, Inputs, PreparedData, main
from pyarrow import feather

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.split import split_rows
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.model.bundle import load_bundle
from shelfwise.model.model import Model
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.fit import fit_model


def fit(task: PreparedData) -> Fitted:
    """Fit or load; the threshold is the model's own, as its users get it."""
    products = Catalog(feather.read_table(task.folder / "products.arrow"), Path("/"))
    labels = tuple(json.loads((task.folder / "labels.json").read_text("utf-8")))
    kind, _, what = task.variant.partition(":")
    if kind == "bundle":
        model, facts = loaded(Path(what), labels, task, products)
    else:
        config = Config.load(what)
        training_set = training_set_of(task, products, config)
        model, facts = (
            fit_model(
                training_set,
                LabelSet(labels, config.labels.mode),
                config,
                Context(seed=config.seed),
            ),
            {},
        )
    places = {name: row for row, name in enumerate(products.ids)}

    def predict(inputs: Inputs) -> Floats:
        wanted = products.take([places[name] for name in inputs.ids])
        return model.scores(model.predict_members(wanted, Context(seed=model.config.seed)))

    note = f"final system: {model.decide_with}"
    return Fitted(
        predict, {"threshold": model.thresholds[model.decide_with], "note": note, **facts}
    )


def training_set_of(task: PreparedData, products: Catalog, config: Config) -> TrainingSet:
    """The training set of `shelfwise train`.

    All but the test rows, in the catalogue's order, divided as the preset says.
    """
    stored, parts = (
        np.load(task.folder / "targets.npz"),
        np.load(task.folder / f"fold{task.fold}.npz"),
    )
    rows = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    targets, groups = stored["targets"][rows].astype(np.float32), stored["groups"][rows]
    split = split_rows(targets, groups, config.split, config.seed, test_given=True)
    return TrainingSet(products.take(rows), targets, split.train, split.validation, groups)


def loaded(
    folder: Path, labels: tuple[str, ...], task: PreparedData, products: Catalog
) -> tuple[Model, dict[str, float | None]]:
    """The model in `folder`, and what it cost to fit then.

    Raises:
        BundleError: it has other labels, or was trained on products that are tested here.
    """
    model = Model.from_bundle(load_bundle(folder))
    if model.labels.names != labels:
        raise BundleError(
            f"{folder} has {len(model.labels.names)} labels, the task {len(labels)}; "
            "train it with the same --min-count"
        )
    tested = np.load(task.folder / f"fold{task.fold}.npz")["test"]
    if model.nearest_neighbours is not None and (
        seen := set(model.nearest_neighbours.ids) & set(products.take(tested).ids)
    ):
        raise BundleError(
            f"{folder} was trained on {len(seen)} of the test products; train it on the same split"
        )
    return model, {"seconds_fit": sum(model.seconds.values()), "cpu_fit": None}


if __name__ == "__main__":
    main(fit, "shelfwise", refit=False)
