"""One training: what it learns from, by which settings, and where its finished stages are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shelfwise.config import Config
from shelfwise.core.types import Context, Rows
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.time_budget import Budget


@dataclass(frozen=True)
class TrainingRun:
    """What all steps of one training share.

    Args:
        training_set: the products.
        config: the settings, without what the catalogue lacks.
        context: seed, cache and progress.
        checkpoints: the finished stages.
        skip_failures: leave out what fails; otherwise the error is raised.
    """

    training_set: TrainingSet
    config: Config
    context: Context
    checkpoints: Checkpoints
    skip_failures: bool = False

    def within(self, budget: Budget) -> TrainingRun:
        """This run, interrupted where its work would end too late."""
        return replace(self, context=budget.context)

    @property
    def tuning_rows(self) -> Rows:
        """(rows,) what thresholds are tuned on: validation rows; all training rows where there are none."""
        rows = self.training_set
        return rows.validation if len(rows.validation) else rows.train
