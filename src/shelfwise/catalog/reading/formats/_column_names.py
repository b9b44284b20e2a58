"""The names of a table's columns, each of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from shelfwise.catalog.reading.columns.column_mapping import on_one_line, plain_names
from shelfwise.catalog.reading.formats._header import FIELDS_BY_NAME
from shelfwise.errors import CatalogError


def distinct_names(cells: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """The names of the columns, each of its own, and what a user is told.

    Columns without a name are numbered, but for the first: it may be the index of pandas. So are further
    columns of one name.

    Args:
        where: the header, for a message.

    Raises:
        CatalogError: a name that is usual for a field stands twice.
    """
    names = [on_one_line(cell) for cell in cells]
    counts = Counter(names)
    repeated = [name for name, count in counts.items() if count > 1 and name]
    fields = [
        name for name in repeated if any(plain in FIELDS_BY_NAME for plain in plain_names(name))
    ]
    if fields:
        shown = ", ".join(map(repr, sorted(fields)))
        raise CatalogError(f"{where} names {shown} more than once; give every column its own name")
    taken = set(names)
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
