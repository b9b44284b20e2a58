"""Answers are one a record, in its order, with those of refused records in their places."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.catalog.reading.streaming.blocks import Quarantined

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Row:
    """The record that a row of answers is about.

    Args:
        id: of the product; empty where it is not known.
        refused: why the record cannot be read; None where it can.
    """

    id: str
    refused: str | None = None


def rows_of(reading: ReadResult) -> list[Row]:
    """The records that were read, in their order."""
    products = map(Row, reading.catalog.ids)
    refused = deque(reading.quarantine)
    return list(one_row_a_record(products, refused, lambda one: Row(one.id or "", one.reason)))


def array_with_refused(
    values: NDArray[Any], refused: Sequence[Quarantined], filling: float | bool
) -> NDArray[Any]:
    """The rows of N products, and among them those of R refused records: (N + R, ...).

    Args:
        values: (N, ...).
        filling: each value of a refused record.
    """
    # nearly always; it would be a copy
    if not refused:
        return values
    places = [record.accepted_before for record in refused]
    return np.insert(values, places, filling, axis=0)


def list_with_refused(
    answers: Sequence[Answer], refused: Sequence[Quarantined], empty: Callable[[], Answer]
) -> list[Answer]:
    """The answers of N products, and among them those of R refused records: N + R.

    Args:
        empty: makes what stands for a record that cannot be read; each has one of its own.
    """
    return list(one_row_a_record(iter(answers), deque(refused), lambda _: empty()))


def one_row_a_record(
    rows: Iterator[Answer],
    refused: deque[Quarantined],
    refused_row: Callable[[Quarantined], Answer],
) -> Iterator[Answer]:
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
