"""Runs commands of shelfwise in processes of their own without importing torch in each: they are forked.

A request is one line of JSON on standard input, the answer one line on standard output.
``{"arguments", "output", "limits", "clock"}`` starts a command and answers with its process id.
``{"wait": PID}`` answers with its exit status.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from typing import Any

# what commands import when they are called; the children find it there
import shelfwise.categorizer
import shelfwise.commands.audit
import shelfwise.commands.explain
import shelfwise.commands.export
import shelfwise.commands.inspect
import shelfwise.commands.predict
import shelfwise.commands.train
import shelfwise.modalities.text_linear
import shelfwise.reports.training_report  # noqa: F401
from shelfwise.cli.main import main

JUMPS = (86_400.0, -86_400.0 * 400, 3_600.0, -7_200.0, 86_400.0 * 3_650, 0.0)
"""Seconds from now that the clock shows, one after the other."""


def serve() -> dict[str, Any]:
    """Answer requests; in a child, return what it is to do."""
    print("ready", flush=True)
    # readline, as iterating would read ahead, and a child would have the rest of it
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            return dict(request)
        print(child, flush=True)
    sys.exit(0)


def prepare(request: dict[str, Any]) -> None:
    """Make this process what the request asks for."""
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(nothing)
    for name, most in request.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (most, most))
    # a write beyond the limit is an error, as on a full disk, and not the end of the process
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if request.get("clock"):
        _let_the_clock_jump()


def _let_the_clock_jump() -> None:
    """Every 50 ms what `time` and `datetime` show is somewhere else, forwards and backwards."""
    import itertools

    import time_machine

    now = __import__("time").time()
    traveller = time_machine.travel(now, tick=True)
    clock = traveller.start()
    places = itertools.cycle(JUMPS)
    stop = threading.Event()

    def jump() -> None:
        while not stop.wait(0.05):
            clock.move_to(now + next(places))

    threading.Thread(target=jump, daemon=True).start()


if __name__ == "__main__":
    wanted = serve()
    prepare(wanted)
    sys.argv = ["shelfwise", *wanted["arguments"]]
    main()
