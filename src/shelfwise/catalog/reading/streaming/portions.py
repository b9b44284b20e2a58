"""The products of a stream in portions of equal size, so that work on them needs no more than a portion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.stream import Batch
from shelfwise.core.arrow_size import take_rows


def portions(
    batches: Iterable[Batch], rows: int, refuse: Callable[[Sequence[Quarantined]], None]
) -> Iterator[pa.Table]:
    """Tables of `rows` products, in their order; the last may have fewer.

    Their size does not depend on how the source was read: the same products give the same portions.

    Args:
        refuse: is given refused records, before the products behind them come.
    """
    waiting: pa.Table | None = None
    for table, refused in batches:
        refuse(refused)
        if waiting is not None:
            # a further column may turn up in the middle of the file; the products before have none
            table = pa.concat_tables([waiting, table], promote_options="default")
        while table.num_rows >= rows:
            # a copy: what is done with a portion need not keep the whole batch
            yield take_rows(table, np.arange(rows))
            table = table.slice(rows)
        waiting = table
    if waiting is not None and waiting.num_rows:
        yield take_rows(waiting, np.arange(waiting.num_rows))


class WantedColumns:
    """The columns that are wanted of every portion.

    Args:
        names: of the columns.

    Attributes:
        missing: those that no portion has had so far, in their order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.missing = list(names)
        self._names = tuple(self.missing)

    def completed(self, table: pa.Table) -> pa.Table:
        """The table with a text column of nulls for each column that it lacks.

        A further column comes with the first product that has a value in it.
        """
        self.missing = [name for name in self.missing if name not in table.column_names]
        for name in self._names:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        return table
