"""Fields that several columns of the source make up: relations, and categories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shelfwise.catalog.reading.arrow import Column, python_values
from shelfwise.catalog.reading.categories.category_columns import CategoryColumns


def related_of(
    relations: Mapping[str, str],
    columns: Mapping[str, Column],
) -> list[Any]:
    """The relations of each of N products, from the columns that hold one relation each."""
    lists = [python_values(columns[source]) for source in relations.values()]
    related = []
    for product in zip(*lists, strict=True):
        # an empty list is no relation
        ids = [value or None for value in product]
        related.append(dict(zip(relations, ids, strict=True)))
    return related


def categories_of(
    combined: CategoryColumns, columns: Mapping[str, Column], count: int
) -> list[Any]:
    """The paths of each of N products, from the columns that make them up."""
    lists = {name: _values_of(columns[name]) for name in combined.names if name in columns}
    return [
        combined.combine({name: values[row] for name, values in lists.items()})
        for row in range(count)
    ]


def _values_of(column: Column) -> list[Any]:
    """The values of a column; JSON lines keep those of the first column of categories as they are written."""
    values = python_values(column)
    return [json.loads(value) if isinstance(value, bytes) else value for value in values]
