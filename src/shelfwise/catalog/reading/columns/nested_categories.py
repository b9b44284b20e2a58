"""Categories deep inside the objects of another column, which are not read: where they are is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.missing import is_missing

_WORDS = ("categor", "kategor", "taxon", "choices", "label")
"""In keys under which programs have categories."""

_LOOKED_AT = 50
"""Products whose objects are searched."""

_MAX_COLUMNS = 100
"""Columns that are searched, as records may have thousands of their own."""

_MAX_DEPTH = 8
_SHOWN = 60
"""Characters of a value that are shown."""


def told_nested_categories(
    names: Sequence[str], columns: Mapping[str, str], sample: Callable[[str], Sequence[Any]]
) -> tuple[str, ...]:
    """What a user is told where no column has categories, and a key inside another one may have them.

    Args:
        names: all columns of the file.
        columns: our field -> the file's column.
        sample: the first values of a column.

    >>> values = {"result": [{"value": {"choices": ["Mugs"]}}]}
    >>> told_nested_categories(["result"], {}, values.__getitem__)[0]
    "categories: no column has them; 'result' has a key 'choices' inside, with ['Mugs']; write it as a column"
    """
    if "categories" in columns:
        return ()
    # some columns and values are enough: it is a hint, and nothing is read by it
    for name in names[:_MAX_COLUMNS]:
        for value in islice(sample(name), _LOOKED_AT):
            found = next(_keys(unpacked(value), _MAX_DEPTH), None)
            if found is not None:
                key, inside = found
                return (
                    f"categories: no column has them; {name!r} has a key {key!r} inside, with "
                    f"{repr(inside)[:_SHOWN]}; write it as a column",
                )
    return ()


def _keys(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The keys in objects that are called like categories, and what they hold."""
    if depth and isinstance(value, Mapping):
        for key, inside in value.items():
            is_called_so = any(word in str(key).lower() for word in _WORDS)
            if is_called_so and isinstance(inside, str | list) and not is_missing(inside):
                yield str(key), inside
            yield from _keys(inside, depth - 1)
    elif depth and isinstance(value, list):
        for inside in value:
            yield from _keys(inside, depth - 1)
