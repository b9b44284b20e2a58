"""Which of several columns is taken that say one thing in several languages: ``name-en`` and ``name-de``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.columns.rival_columns import could_be_too

_FIELDS = ("title", "description")


def told_languages(
    names: Sequence[str], columns: Mapping[str, str], told: Mapping[str, str]
) -> Iterator[str]:
    """A sentence for each field that the file has in several languages.

    Args:
        names: all columns of the file.
        columns: our field -> the file's column.
        told: the same of the settings; there is nothing to tell of these.
    """
    for field in _FIELDS:
        column = columns.get(field)
        if column is None or field in told:
            continue
        bare = _without_language(column)
        others = [name for name in names if name != column and bare in plain_names(name)[1:]]
        # the same text without a language is nobody's other language
        if bare != plain_names(column)[0] and others:
            yield f"{field}: {column} is taken, of several languages; {could_be_too(field, others[0])}"


def _without_language(column: str) -> str:
    """The plainest name that a column goes by."""
    return plain_names(column)[-1]
