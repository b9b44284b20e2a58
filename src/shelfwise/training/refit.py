"""Fitting the final system again on all products, once its figures have been taken on the test products.

The figures are those of the model that had not seen the test products. A model that has learnt from more
products of the same kind is as good or better. Its thresholds, calibration and limits rest on cross-fitted
scores, as ever: no product's score comes from a model that saw it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.errors import ShelfwiseError
from shelfwise.model.model import Model
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData, split_catalog
from shelfwise.training.fit import fit_model


@dataclass(frozen=True)
class Refit:
    """What became of fitting again.

    Args:
        model: the one to save.
        products: it was fitted on.
        not_run: why it is still the one that was scored; None if it was fitted again.
        seconds: it took.
    """

    model: Model
    products: int
    not_run: str | None
    seconds: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """The entry "refit" of results.json."""
        return {"products": self.products, "seconds": self.seconds, "not_run": self.not_run}


def refit(
    scored: Model,
    data: PreparedData,
    config: Config,
    context: Context,
    checkpoints: Checkpoints,
    seconds_fit: float,
) -> Refit:
    """The final system of `scored`, fitted on the test products too.

    Args:
        scored: the model that the test products were kept out of.
        config: the settings of the whole run.
        checkpoints: of this second fit; the scored model has its own.
        seconds_fit: what fitting `scored` took.
    """
    known = len(data.training_set.catalog)
    products = data.readings["catalog"].catalog
    everything = split_catalog(products, config, context, has_test_catalog=True)
    count = len(everything.training_set.catalog)
    if count == known:
        return Refit(scored, known, "no product was kept out of it")
    # the second fit does not pass the budget of the first: it would be as long, and a little more
    expected = seconds_fit * count / known
    if config.budget is not None and seconds_fit + expected > config.budget:
        return Refit(scored, known, f"the budget of {config.budget:g} seconds was spent")
    started = time.perf_counter()
    try:
        model = fit_model(
            everything.training_set,
            everything.labels,
            final_settings(scored),
            context,
            checkpoints,
        )
    # the scored model is there: what fails now must not cost it
    except ShelfwiseError as error:
        return Refit(scored, known, str(error))
    return Refit(model, count, None, time.perf_counter() - started)


def final_settings(model: Model) -> Config:
    """The settings of `model` with its final system and that system's members only."""
    config = model.config
    final = model.decide_with
    members = {name: config.members[name] for name in model.members_of(final)}
    # a member alone is a system of itself, and has no entry
    systems = {final: config.systems[final]} if final in config.systems else {}
    changes = {"members": members, "systems": systems, "decide_with": final, "budget": None}
    return config.model_copy(update=changes)
