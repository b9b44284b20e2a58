"""A column whose values are made when they are read gives those of the column made at once."""

from __future__ import annotations

import pyarrow as pa
import pytest

from shelfwise.core import lazy_column
from shelfwise.core.lazy_column import LazyColumn

VALUES = [[["Pets", "Birds"]], None, [], [["Garden"], ["Pets"]], [["Lamps"]]]


@pytest.fixture
def column(monkeypatch):
    monkeypatch.setattr(lazy_column, "_VALUES_AT_A_TIME", 2)
    kind = pa.list_(pa.list_(pa.string()))
    return LazyColumn(pa.chunked_array([VALUES[:1], [], VALUES[1:]], kind))


def test_values_come_in_their_order_as_often_as_they_are_asked_for(column):
    assert list(column) == VALUES
    assert list(column) == VALUES


def test_single_values_and_slices(column):
    assert len(column) == 5
    assert [column[place] for place in range(-5, 5)] == VALUES + VALUES
    assert list(column[1:4]) == VALUES[1:4]
    with pytest.raises(IndexError):
        column[5]
