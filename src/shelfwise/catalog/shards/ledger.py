"""An append-only file of JSON lines: what is done stands in it, whatever ends the run.

Behind each entry stands a tab and a digest of the file up to there. An offset with one wrong digit would lose
records in silence; so would a line that is missing, stands twice or is of another run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfwise.disk.files import json_text
from shelfwise.disk.folders import make_folders, sync

_DIGEST_LETTERS = 16


class Ledger:
    """What a run has done so far.

    Args:
        path: of the file. What a killed run has left half written at its end is cut off, and so is all from
            the first entry on that was damaged.

    Attributes:
        entries: the whole lines, in their order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self._digest = hashlib.sha256()
        make_folders(path.parent)
        if path.exists():
            self._read()
        self._file = path.open("ab")
        # the name of a new file has to outlive a crash of the system, too
        sync(path.parent)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one entry; it is on the disk when this returns."""
        content = json_text(entry).encode()
        self._digest.update(content)
        self._file.write(content + b"\t" + _letters(self._digest) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries.append(dict(entry))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> None:
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                content, _, letters = line.rpartition(b"\t")
                digest = self._digest.copy()
                digest.update(content)
                # with the end of the line, which was written last
                if letters != _letters(digest) + b"\n":
                    break
                self._digest = digest
                self.entries.append(json.loads(content))
                whole += len(line)
        os.truncate(self.path, whole)


def _letters(digest: hashlib._Hash) -> bytes:
    return digest.hexdigest()[:_DIGEST_LETTERS].encode()
