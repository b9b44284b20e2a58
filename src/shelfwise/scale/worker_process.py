"""A worker of the local engine: a process with the model, on one thread.

Run as ``python -m shelfwise.scale.worker_process``. Its standard input brings the job and then tasks, its
standard output takes messages; both are lines of JSON. It ends when its standard input does, in the middle of
a shard, too: then the run that started it is gone.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
from functools import partial
from typing import Any, BinaryIO

from shelfwise.core.one_thread import use_one_thread
from shelfwise.core.standard_output import take_standard_output
from shelfwise.scale.job import Job
from shelfwise.scale.loaded_worker import loaded_worker
from shelfwise.scale.shard_queue import Task
from shelfwise.scale.signs_of_life import ALIVE, showing_life


def main() -> None:
    """Load the model, and do tasks until the input ends."""
    logging.basicConfig(level=logging.WARNING, format="worker: %(levelname)s: %(message)s")
    # Ctrl+C goes to all processes of a terminal; the run ends its workers itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    answers = os.fdopen(take_standard_output(), "wb")
    # the process is a worker's own, so its settings may be made; the allocator's stay as they are:
    # memory that is kept for the next portion is not given to the neighbour
    use_one_thread()
    job = Job.from_line(requests.readline())
    tasks: queue.Queue[Task] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, tasks), daemon=True).start()
    # what is encoded is told from this thread as well, so that no message is written into another
    worker, reason = loaded_worker(job, showing_life(partial(_alive, answers)))
    if worker is None:
        _send(answers, {"kind": "refused", "reason": reason})
        return
    _send(answers, {"kind": "ready"})
    while True:
        _send(answers, worker.do(tasks.get(), partial(_advanced, answers)))


def _receive(requests: BinaryIO, tasks: queue.Queue[Task]) -> None:
    """Take tasks; end the process with the input."""
    for line in requests:
        tasks.put(Task.from_line(line))
    # nothing is lost: a part that is not finished has no name yet
    os._exit(0)


def _alive(answers: BinaryIO, stage: str, steps: int) -> None:
    _send(answers, {"kind": ALIVE, "stage": stage, "steps": steps})


def _advanced(answers: BinaryIO, rows: int) -> None:
    _send(answers, {"kind": "advanced", "rows": rows})


def _send(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
