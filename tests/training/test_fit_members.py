"""What a comparison leaves out, and what ends it."""

from __future__ import annotations

import pytest

from shelfwise.errors import LabelError, StorageError
from shelfwise.training.fit_members import try_or_reason


def test_a_disk_that_is_full_is_no_fault_of_a_member() -> None:
    def full() -> None:
        raise StorageError("could not write stages; free some space")

    def none_there() -> None:
        raise LabelError("no product has a title")

    assert try_or_reason(none_there, "title", skip_failures=True) == "no product has a title"
    with pytest.raises(StorageError):
        try_or_reason(full, "title", skip_failures=True)
