"""Columns that could have been a field too, and how a user takes one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.class_names import column_of_names
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plain_names
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.described_columns import described_column
from shelfwise.catalog.reading.columns.field_values import HOLDS
from shelfwise.catalog.reading.columns.property_types import is_property_type
from shelfwise.catalog.reading.columns.whole_paths import column_of_whole_paths
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.config import CatalogSettings


def category_rivals(
    names: Sequence[str],
    columns: Mapping[str, str],
    settings: CatalogSettings,
    sample: Callable[[str], Sequence[Any]],
) -> tuple[str, ...]:
    """What a user is told of each column that could be the categories too, by its name.

    Args:
        names: all columns of the file.
        columns: our field -> the file's column.
        settings: where they name the column, there is nothing to tell.
        sample: the first values of a column.
    """
    if "categories" not in columns or "categories" in settings.columns:
        return ()
    sentences = tuple(_rival_sentences("categories", names, columns, sample))
    if sentences:
        return sentences
    taken = columns["categories"]
    used = set(columns.values())
    whole = column_of_whole_paths(taken, names, used, sample)
    if whole is not None:
        return (
            f"categories: {taken} is taken, which holds the last names of the paths in {whole}; "
            f"{how_to_take('categories', whole)}",
        )
    named = column_of_names(taken, names, used, sample)
    if named is None:
        return ()
    return (
        f"categories: {taken} is taken, which holds numbers or codes; {named} has a name for each of "
        f"them; {how_to_take('categories', named)}",
    )


def told_property_types(
    names: Sequence[str], columns: Mapping[str, str], sample: Callable[[str], Sequence[Any]]
) -> tuple[str, ...]:
    """What a user is told where no column has categories, and one says of which type a property is.

    Args:
        names: all columns of the file.
        columns: our field -> the file's column.
        sample: the first values of a column.
    """
    if "categories" in columns:
        return ()
    for name in names:
        # by its name first: a file may have a column a record
        if not any(map(is_property_type, plain_names(name))):
            continue
        values = [value for value in sample(name) if not is_missing(value)]
        if HOLDS["categories"](values):
            return (
                f"categories: {name} is not taken, as it says something about a product and not what it is; "
                f"{how_to_take('categories', name)}",
            )
    return ()


def rivals_of(field: str, names: Sequence[str], used: Collection[str]) -> list[str]:
    """The columns that `field` could be too, by its synonyms, likeliest first.

    Args:
        names: all columns of the file.
        used: those that are a field already.
    """
    plain = {normal_name(name): name for name in reversed(names) if name not in used}
    return [plain[synonym] for synonym in SYNONYMS[field] if synonym in plain]


def could_be_too(field: str, name: str) -> str:
    """That a column could be the field too, and how to take it."""
    return f"{name} could be it too; {how_to_take(field, name)}"


def how_to_take(field: str, name: str) -> str:
    """What to write so that a column is the field."""
    written = json.dumps(name, ensure_ascii=False)
    return f"to take {name}, write under [catalog]: columns = {{ {field} = {written} }}"


def _rival_sentences(
    field: str,
    names: Sequence[str],
    columns: Mapping[str, str],
    sample: Callable[[str], Sequence[Any]],
) -> Iterator[str]:
    used = set(columns.values())
    described = described_column(field, names, used, sample)
    for name in names:
        usual = normal_name(name) in SYNONYMS[field]
        if name in used or not (usual or name == described):
            continue
        # a column without values takes nothing from anybody
        if all(map(is_missing, sample(name))):
            continue
        yield f"{field}: {columns[field]} is taken, and {could_be_too(field, name)}"
