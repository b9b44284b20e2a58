"""Out-of-fold scores: every product is scored by a model that saw neither it nor its fold."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.sparse as sp

from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.presence import fit_each_present, fit_present, predict_present
from shelfwise.core.sparse_scores import in_row_order
from shelfwise.core.types import Context, Examples, Prediction, Rows
from shelfwise.nn.device import device
from shelfwise.nn.parallel_tasks import run_in_parallel

log = logging.getLogger(__name__)

Compute = Callable[[], Prediction]


def out_of_fold(
    make: Callable[[], Modality],
    train: Examples,
    folds: Rows,
    validation: Examples | None,
    context: Context,
    keep: Callable[[int, Compute], Prediction] = lambda fold, compute: compute(),
    at_once: bool = False,
) -> Prediction:
    """Predictions for N products, each by a model fitted on the products of all other folds.

    Args:
        make: gives an unfitted modality, once a fold.
        folds: (N,) the fold of every product. Those of a negative fold are used for fitting but never
            predicted (probability 0, not present), so one fold 0 among -1 is a plain hold-out.
        validation: watched by early stopping in every fold; must share no product with `train`.
        keep: called with a fold and how to compute its prediction (of that fold's products, in row order).
            A caller that resumes an interrupted run answers from disk instead.
        at_once: whether the models of several folds may be fitted at the same time (`fits_in_threads`).

    Returns:
        In row order. Where the targets are sparse, so are the probabilities: the highest of each product
        alone. Features of different folds come from different networks, each with a space of its own.

    Raises:
        LabelError: no product outside a fold has the field.
    """
    cross = _CrossFitting(make, train, folds, validation, context, at_once)
    # negative folds are never held out, but belong to the others of every fold
    each_fold: list[int] = np.unique(folds[folds >= 0]).tolist()
    parts = []
    for fold in each_fold:
        prediction = keep(fold, partial(cross.predicted, fold, each_fold))
        parts.append((np.flatnonzero(folds == fold), prediction))
    return _in_row_order(parts, train.targets.shape)


@dataclasses.dataclass
class _CrossFitting:
    """The models of all folds, one at a time or several at once; fields as :func:`out_of_fold` takes them.

    Args:
        ahead: by fold, what was predicted together with an earlier fold and not asked for yet.
    """

    make: Callable[[], Modality]
    train: Examples
    folds: Rows
    validation: Examples | None
    context: Context
    at_once: bool
    ahead: dict[int, Prediction] = dataclasses.field(default_factory=dict)

    def predicted(self, fold: int, each_fold: list[int]) -> Prediction:
        """The prediction for the products of a fold."""
        if not self.at_once:
            return self._predict_fold(fold, self.context)
        # the first that is not on disk comes with all that follow it
        if fold not in self.ahead:
            following = each_fold[each_fold.index(fold) :]
            self.ahead.update(zip(following, self._predict_folds(following), strict=True))
        return self.ahead.pop(fold)

    def _predict_folds(self, some: list[int]) -> list[Prediction]:
        """Those of several folds, whose models are fitted at the same time."""
        # in threads; only on a GPU networks are joined, and these cannot stop one by one
        if device().type == "cpu" or self.validation is not None:
            return run_in_parallel(
                lambda fold: self._predict_fold(fold, self._beside_others(fold)), some
            )
        tasks = [self._task(fold, self._beside_others(fold)) for fold in some]
        fit_each_present(tasks)
        answers = []
        for task, fold in zip(tasks, some, strict=True):
            answers.append(self._answer(task.modality, fold, task.context))
        return answers

    def _predict_fold(self, fold: int, context: Context) -> Prediction:
        task = self._task(fold, context)
        model = fit_present(task.modality, task.train, self.validation, context)
        return self._answer(model, fold, context)

    def _task(self, fold: int, context: Context) -> ModalityTask:
        """An unfitted model, and the products of all other folds."""
        log.info(
            "%s: fold %d, %d of %d products held out",
            self.context.title,
            fold,
            np.count_nonzero(self.folds == fold),
            len(self.folds),
        )
        others = np.flatnonzero(self.folds != fold)
        return ModalityTask(self.make(), self.train.take(others), context)

    def _answer(self, model: Modality, fold: int, context: Context) -> Prediction:
        asked = self.train.inputs.take(np.flatnonzero(self.folds == fold))
        n_labels = self.train.targets.shape[1]
        # scores of as many labels are sparse as well
        highest_only = sp.issparse(self.train.targets)
        return predict_present(model, asked, n_labels, context, highest_only)

    def _beside_others(self, fold: int) -> Context:
        # each keeps what it has learnt so far under a name of its own
        return dataclasses.replace(self.context, loops=self.context.loops.part(f"without{fold}"))


def _in_row_order(parts: list[tuple[Rows, Prediction]], shape: tuple[int, int]) -> Prediction:
    """The folds' predictions as one. A fold with narrower features (none present) is filled up with 0."""
    # A fold without a present product has features of width 0.
    width = max((part.features.shape[1] for _, part in parts), default=0)
    probabilities = in_row_order([(rows, part.probabilities) for rows, part in parts], shape)
    features = np.zeros((shape[0], width), np.float32)
    present = np.zeros(shape[0], np.bool_)
    for rows, part in parts:
        features[rows, : part.features.shape[1]] = part.features
        present[rows] = part.present
    return Prediction(probabilities, features, present)
