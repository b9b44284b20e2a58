"""Commands for the torture tests: many processes, quickly started, of which any may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("command_server.py")


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Args:
        code: its exit code; negative: the signal that ended it.
        said: what it printed, both streams together.
    """

    code: int
    said: str

    def sentence(self) -> str:
        """The one sentence that a refusal must be."""
        assert self.code == 2, f"exit code {self.code}: {self.said}"
        assert "Traceback" not in self.said, self.said
        errors = [line for line in self.said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.said
        return errors[0]

    def succeeded_or_refused(self) -> bool:
        """Whether it succeeded; a failure must be one sentence."""
        if self.code != 0:
            self.sentence()
        return self.code == 0


@dataclass
class Running:
    """A command that was started."""

    process: int
    output: Path
    commands: Commands

    def wait(self) -> Done:
        """The end of it."""
        code = int(self.commands.ask({"wait": self.process}))
        return Done(code, self.output.read_text("utf-8", errors="replace"))


class Commands:
    """Starts commands of shelfwise.

    Args:
        folder: for what they print.
        prefix: runs before the interpreter, such as ``unshare --mount``.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = (), **environment: str) -> None:
        self.folder = folder
        self.count = 0
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        cache = {"SHELFWISE_CACHE": str(folder / "cache")}
        self.server = subprocess.Popen(
            [*prefix, sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads, **cache, **environment},
        )
        assert self.server.stdout is not None
        if self.server.stdout.readline() != "ready\n":
            raise RuntimeError(self.server.communicate()[1])

    def ask(self, request: dict[str, Any]) -> str:
        """The answer to one request."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        assert answer, "the server of commands has ended"
        return answer

    def start(
        self, *arguments: object, limits: dict[str, int] | None = None, clock: bool = False
    ) -> Running:
        """Start ``shelfwise ARGUMENTS`` under limits of the system, or with a clock that jumps."""
        self.count += 1
        output = self.folder / f"output.{self.count}.txt"
        request = {
            "arguments": [str(argument) for argument in arguments],
            "output": str(output),
            "limits": limits or {},
            "clock": clock,
        }
        return Running(int(self.ask(request)), output, self)

    def run(self, *arguments: object, **options: Any) -> Done:
        """Run ``shelfwise ARGUMENTS`` to its end."""
        return self.start(*arguments, **options).wait()

    def end(self) -> None:
        """End the server."""
        self.server.kill()
        self.server.communicate()
