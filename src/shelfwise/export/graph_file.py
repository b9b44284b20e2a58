"""The bytes of a graph in a file that only this process has, and not in memory.

ONNX Runtime reads a file with one copy of the weights less than it needs for bytes in memory, and the bytes
themselves need not stay. The file has no name, so nobody changes it between the check of a model and its use,
and it is gone with the process.
"""

from __future__ import annotations

import logging
import os
from tempfile import TemporaryFile

log = logging.getLogger(__name__)


class GraphFile:
    """A graph, as it was verified or made.

    Args:
        content: the ONNX file's bytes.

    Attributes:
        size: how many bytes it has.
    """

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._kept: bytes | None = None
        try:
            self._file = TemporaryFile(prefix="shelfwise-")  # noqa: SIM115 - closed with this object
            self._file.write(content)
            self._file.flush()
            self._path = f"/dev/fd/{self._file.fileno()}"
        except OSError as error:
            # a full or read-only disk costs memory, and nothing else
            log.warning("the graph is kept in memory: %s", error)
            self._kept = content
        else:
            # not on every system has an open file a name
            if not os.path.exists(self._path):
                self._kept = content

    def read(self) -> bytes:
        """Its bytes."""
        if self._kept is not None:
            return self._kept
        self._file.seek(0)
        return self._file.read()

    def source(self) -> str | bytes:
        """What ONNX Runtime opens: a path where there is one, otherwise the bytes."""
        if self._kept is not None:
            return self._kept
        # on some systems what is opened by this path goes on where the file was read last
        self._file.seek(0)
        return self._path
