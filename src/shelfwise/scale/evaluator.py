"""Counts one shard after the other with one model: what the figures of ``evaluate`` are computed from.

A shard's counts depend on the shard and the model alone: the products come in portions of the same size, on
one thread, whoever counts them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shelfwise.model.evaluation_sums import EvaluationSums, scored_products
from shelfwise.scale.shard_queue import Task
from shelfwise.scale.shard_worker import Outcome, ShardWorker, finished, survived


class ShardEvaluator(ShardWorker):
    """Counts the products of a shard; writes nothing.

    The entry of a shard has ``rows``, its products; ``sums``, what was counted, as
    :class:`~shelfwise.model.evaluation_sums.EvaluationSums` tells it; ``seconds`` of the prediction;
    ``killers``, one sentence for each record that was left out as it ends workers; and the final ``system``
    with its ``threshold``.
    """

    done = "evaluated"

    def _outcome(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        is_trial = task.trial is not None
        tally = self._tally(task.number)
        content = self._content(task.number)
        sums: EvaluationSums | None = None
        rows = 0
        seconds = 0.0
        for portion in self._products(task, content, tally):
            started = time.perf_counter()
            labelled, scores = scored_products(self._model, portion, self._context)
            # without reading, as of one file
            seconds += time.perf_counter() - started
            left_out = len(portion) - len(labelled)
            part = EvaluationSums.of(self._model, labelled, scores, left_out)
            sums = part if sums is None else sums + part
            rows += len(portion)
            # of a trial nothing is done, but the worker is alive
            advance(0 if is_trial else len(portion))
        if is_trial:
            return survived(task.number)
        system = self._model.decide_with
        entry = {
            "rows": rows,
            "sums": None if sums is None else sums.to_dict(),
            "seconds": seconds,
            "killers": tally.killers,
            "system": system,
            "threshold": self._model.thresholds[system],
        }
        return finished(task.number, entry)
