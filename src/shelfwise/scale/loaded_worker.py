"""The worker of a job with its model loaded: a labeller where parts are wanted, else an evaluator."""

from __future__ import annotations

from shelfwise.core.types import Context
from shelfwise.errors import ShelfwiseError
from shelfwise.scale.evaluator import ShardEvaluator
from shelfwise.scale.job import Job
from shelfwise.scale.labeller import ShardLabeller
from shelfwise.scale.shard_worker import ShardWorker


def loaded_worker(job: Job, context: Context) -> tuple[ShardWorker | None, str]:
    """The worker of a job; without one the reason, for the run to tell."""
    kind = ShardEvaluator if job.out is None else ShardLabeller
    try:
        return kind(job, context), ""
    except ShelfwiseError as error:
        return None, str(error)
    # whatever is wrong with a model, the run has to be told
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
