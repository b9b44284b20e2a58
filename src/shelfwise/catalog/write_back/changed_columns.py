"""Which columns of a file are changed, and what is to become of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class FileRecord(NamedTuple):
    """What a record of the file has.

    Args:
        identity: its id, as the format has it.
        line: where it stands, as the reader counts: its line, row or number, from 1.
        values: one a column that may be changed, as the format has them: a text, or what JSON can hold; None
            where the record has none.
    """

    identity: Any
    line: int
    values: tuple[Any, ...]


Change = Callable[[FileRecord], Sequence[Any]]
"""A record -> the values that it is to have.

The same value again: it stays as it is, to the last byte. None: nothing is to stand there.
"""


@dataclass(frozen=True)
class ChangedColumns:
    """The columns that are changed.

    Args:
        identity: the name of the column of ids.
        names: the names of the columns with categories; one alone may be missing in the file and is added.
        change: see :data:`Change`.
    """

    identity: str
    names: tuple[str, ...]
    change: Change

    def changes(self, identity: Any, line: int, old: Sequence[Any]) -> dict[str, Any]:
        """The columns in which a record gets another value, with this value.

        Args:
            identity, line, old: see :class:`FileRecord`.
        """
        new = self.change(FileRecord(identity, line, tuple(old)))
        values = zip(self.names, old, new, strict=True)
        return {name: after for name, before, after in values if after != before}
