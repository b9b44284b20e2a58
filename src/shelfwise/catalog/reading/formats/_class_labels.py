"""Names of the classes that the datasets library of Hugging Face writes as numbers into Parquet.

The names stand in the metadata of the file's schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

Names = Mapping[str, Sequence[str]]
"""Column -> the names of its classes, in the order of their numbers."""

_KEY = b"huggingface"
_PATHS = pa.list_(pa.list_(pa.string()))


def class_names(schema: pa.Schema) -> Names:
    """The columns of classes, and their names; none in files of other programs."""
    try:
        about = json.loads((schema.metadata or {})[_KEY])
        features = about["info"]["features"]
        found = {name: _names(feature) for name, feature in features.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: names for name, names in found.items() if names and name in schema.names}


def with_class_names(batch: pa.RecordBatch, classes: Names) -> pa.RecordBatch:
    """The rows with names in the place of the numbers of classes; other numbers are no class."""
    for name, names in classes.items():
        place = batch.schema.names.index(name)
        column = batch.column(place)
        values = column.to_pylist()
        if pa.types.is_integer(column.type):
            named = pa.array([_name(value, names) for value in values], pa.string())
        elif pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type):
            # each class is a label of its own
            named = pa.array([_paths(value, names) for value in values], _PATHS)
        else:
            continue
        batch = batch.set_column(place, name, named)
    return batch


def _names(feature: Any) -> Sequence[str]:
    """The names of a class, or of a list of classes; none of anything else."""
    if isinstance(feature, list):
        feature = feature[0] if len(feature) == 1 else {}
    if "feature" in feature:
        return _names(feature["feature"])
    is_class = feature.get("_type") == "ClassLabel"
    return [str(name) for name in feature.get("names", ())] if is_class else ()


def _name(number: int | None, names: Sequence[str]) -> str | None:
    # the library writes -1 for a product without a class
    return names[number] if number is not None and 0 <= number < len(names) else None


def _paths(numbers: Sequence[int] | None, names: Sequence[str]) -> list[list[str]] | None:
    if numbers is None:
        return None
    found = [_name(number, names) for number in numbers]
    return [[name] for name in found if name is not None]
