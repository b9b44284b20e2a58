"""The names of a table's columns, each of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from shelfwise.catalog.reading.columns.column_mapping import on_one_line, plain_names
from shelfwise.catalog.reading.columns.level_columns import is_label_name
from shelfwise.catalog.reading.formats._header import FIELDS_BY_NAME
from shelfwise.errors import CatalogError


def distinct_names(cells: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """The names of the columns, each of its own, and what a user is told.

    Columns without a name are numbered, but for the first: it may be the index of pandas. So are further
    columns of one name.

    Args:
        where: the header, for a message.

    Raises:
        CatalogError: a name that is usual for a field, and not for a label, stands twice.
    """
    names = [on_one_line(cell) for cell in cells]
    counts = Counter(names)
    repeated = [name for name, count in counts.items() if count > 1 and name]
    fields = [
        name
        for name in repeated
        if any(plain in FIELDS_BY_NAME for plain in plain_names(name)) and not is_label_name(name)
    ]
    if fields:
        shown = ", ".join(map(repr, sorted(fields)))
        raise CatalogError(f"{where} names {shown} more than once; give every column its own name")
    # a numbered name must not be that of another column
    taken = set(names)
    # numbered from the second on, so that files with one column of a name keep it
    seen: Counter[str] = Counter()
    distinct = []
    for place, name in enumerate(names):
        seen[name] += 1
        own = name
        if not name and place:
            own = _free(f"column {place + 1}", taken)
        elif seen[name] > 1:
            own = _free(f"{name} {seen[name]}", taken)
        taken.add(own)
        distinct.append(own)
    told = (
        f"header: {', '.join(map(repr, repeated))} stands several times; later columns are numbered",
    )
    return distinct, told if repeated else ()


def _free(name: str, taken: Collection[str]) -> str:
    """A name that no other column has."""
    while name in taken:
        name += "'"
    return name


def refuse_other_header(header: Sequence[str], fields: Sequence[str], line: int) -> None:
    """Refuse a row of nothing but names of columns in another order, as all below it would be misread.

    Args:
        header: the names as they are written.
        line: where the row is.

    Raises:
        CatalogError: it is one.
    """
    # of nearly all rows the first field tells, and asking is fast
    if len(fields) != len(header) or len(header) < 2 or on_one_line(fields[0]) not in header:
        return
    if sorted(map(on_one_line, fields)) == sorted(header):
        raise CatalogError(
            f"line {line} names the columns again, in another order than the header "
            f"({', '.join(map(repr, fields))}); write the rows below it to a file of their own"
        )
