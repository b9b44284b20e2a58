"""Numbers that are written once and read in pieces: in a file, because memory does not hold them all."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shelfwise.errors import StorageError


class ArrayFile:
    """Numbers of one type in a temporary file without a name, which goes when this object goes.

    They are read, not mapped: pages of a mapped file count as memory of the process.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, numbers: NDArray[Any]) -> None:
        """Write further numbers (K,) behind the others.

        Raises:
            StorageError: there is no room for them.
        """
        # reading may have moved the place
        self._file.seek(0, 2)
        try:
            np.ascontiguousarray(numbers, self._dtype).tofile(self._file)
        except OSError as error:
            raise StorageError(
                f"n-grams do not fit in the folder for temporary files, {tempfile.gettempdir()} ({error}); "
                "free some space there, or set TMPDIR to a folder that has room"
            ) from error
        self._count += len(numbers)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The numbers (stop - start,) at the places from `start` to before `stop`."""
        self._file.seek(start * self._dtype.itemsize)
        return np.fromfile(self._file, self._dtype, stop - start)
