"""Files of lines that grow while something else is written, and are there when that is whole."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from shelfwise.disk.files import open_text, replacing


class LineFiles:
    """Files beside `path`, named after it, a dot and a name of their own; to be used in a ``with``.

    Each is made with its first line. All take their places at the end of the block; after an error in it
    there is none.

    Args:
        path: what the files are named after.

    Attributes:
        counts: name -> how many lines were added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._files: dict[str, TextIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # closes the files, then gives them their names, or removes them after an error
        self._stack.__exit__(kind, error, traceback)

    def place(self, name: str) -> Path:
        """Where the file of that name comes to stand."""
        return Path(f"{self.path}.{name}")

    def start(self, name: str) -> TextIO:
        """The file of that name, begun if it is not yet: it will be there without any line, too."""
        if name not in self._files:
            temporary = self._stack.enter_context(replacing(self.place(name)))
            self._files[name] = self._stack.enter_context(open_text(temporary))
        return self._files[name]

    def add(self, name: str, line: str) -> None:
        """Write a line, whose end it has."""
        self.start(name).write(line)
        self.counts[name] += 1
