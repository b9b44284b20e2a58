"""Answers for a file: one a record, in its order, with those of refused records in their places."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from shelfwise.catalog.reading.blocks import Quarantined

Row = TypeVar("Row")


def one_row_a_record(
    rows: Iterator[Row], refused: deque[Quarantined], refused_row: Callable[[Quarantined], Row]
) -> Iterator[Row]:
    """The rows of the products, and among them in their places those of the refused records.

    Args:
        refused: in the order of the file; it may grow while `rows` are drawn, and is emptied.
        refused_row: what stands for a record that cannot be read.
    """
    for place, row in enumerate(rows):
        # those that stand before this product
        while refused and refused[0].accepted_before <= place:
            yield refused_row(refused.popleft())
        yield row
    # behind the last product
    while refused:
        yield refused_row(refused.popleft())
