"""A virtual environment a rival, made on first use, and the rival run in it as a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rivals import HERE, Rival

from shelfwise.core.types import Floats


class RivalFailed(Exception):
    """An environment could not be made, or a rival broke off; the message is its row."""


@dataclass(frozen=True)
class Answer:
    """A rival's predictions in one fold: scores of validation and test products, and the facts of its run."""

    validation: Floats
    test: Floats
    facts: dict[str, Any]


@dataclass(frozen=True)
class Arena:
    """Where and how rivals run.

    Args:
        task: the folder that preparing.py wrote.
        key: its digest.
        out: keeps what every rival answered.
        environments: the folder of the virtual environments.
        minutes: a rival may take in one fold.
        threads: a rival may use.
    """

    task: Path
    key: str
    out: Path
    environments: Path
    minutes: float
    threads: int

    def answer(self, name: str, rival: Rival, fold: int) -> Answer:
        """Run `rival` on `fold`; earlier predictions are kept while neither the task nor its files change.

        Our own rows have no pinned environment and are run anew every time.

        Raises:
            RivalFailed: with the reason in one line.
        """
        out, stamp = self.out / name / f"fold{fold}", rival.key(self.key)
        kept = out / "key"
        if not (kept.exists() and kept.read_text() == stamp):
            kept.unlink(missing_ok=True)
            self._run(rival, fold, out)
            if rival.requirements is not None:
                kept.write_text(stamp)
        scores = np.load(out / "scores.npz")
        return Answer(
            scores["validation"],
            scores["test"],
            json.loads((out / "facts.json").read_text("utf-8")),
        )

    def _run(self, rival: Rival, fold: int, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        task, answers = self.task.absolute(), out.absolute()
        command = [self.interpreter(rival), rival.script, task, str(fold), answers, rival.variant]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        environment |= dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self.threads)
        )
        inherited = os.environ.get("PYTHONPATH") if rival.requirements is None else None
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), inherited]))
        # some leave files where they are started; our own code may be found from where this process is
        folder = out if rival.requirements is not None else None
        _call(command, out / "log.txt", self.minutes * 60, environment, folder)

    def interpreter(self, rival: Rival) -> Path:
        """The Python of the rival's environment; it is made if absent or if its requirements have changed."""
        if rival.requirements is None:
            return Path(sys.executable)
        folder, wanted = (
            (self.environments / rival.folder).absolute(),
            rival.requirements.read_text("utf-8"),
        )
        made = folder / "made-of.txt"
        if not (made.exists() and made.read_text("utf-8") == wanted):
            self.environments.mkdir(parents=True, exist_ok=True)
            log = self.environments / f"{rival.folder}.log"
            _call([sys.executable, "-m", "venv", "--clear", folder], log, 300, dict(os.environ))
            pip = [
                folder / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--no-cache-dir",
                "-r",
                rival.requirements,
            ]
            _call(pip, log, 1800, {k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
            made.write_text(wanted, "utf-8")
        return folder / "bin" / "python"


def _call(
    command: list[Any],
    log: Path,
    seconds: float,
    environment: dict[str, str],
    folder: Path | None = None,
) -> None:
    """Run a command in `folder`, or where this process is, with its output in `log`.

    Raises:
        RivalFailed: it ended with an error, or did not end in time.
    """
    with log.open("w", encoding="utf-8") as file:
        try:
            code = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise RivalFailed(f"not done after {seconds / 60:.0f} minutes") from None
    if code:
        last = [
            line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()
        ][-1:]
        raise RivalFailed(f"exit code {code}: {' '.join(last)[:300]}; see {log}")
