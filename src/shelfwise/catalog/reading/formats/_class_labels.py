"""Names of the classes that the datasets library of Hugging Face writes as numbers into Parquet.

The names stand in the metadata of the file's schema.
"""

from __future__ import annotations

import json

import pyarrow as pa

from shelfwise.catalog.reading.objects.class_labels import (
    Names,
    class_name,
    class_paths,
    names_of_features,
)

_KEY = b"huggingface"
_PATHS = pa.list_(pa.list_(pa.string()))


def class_names(schema: pa.Schema) -> Names:
    """The columns of classes, and their names; none in files of other programs."""
    try:
        about = json.loads((schema.metadata or {})[_KEY])
        found = names_of_features(about["info"]["features"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: names for name, names in found.items() if name in schema.names}


def with_class_names(batch: pa.RecordBatch, classes: Names) -> pa.RecordBatch:
    """The rows with names in the place of the numbers of classes; other numbers are no class."""
    for name, names in classes.items():
        place = batch.schema.names.index(name)
        column = batch.column(place)
        values = column.to_pylist()
        if pa.types.is_integer(column.type):
            named = pa.array([class_name(value, names) for value in values], pa.string())
        elif pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type):
            # each class is a label of its own
            named = pa.array([class_paths(value, names) for value in values], _PATHS)
        else:
            continue
        batch = batch.set_column(place, name, named)
    return batch
