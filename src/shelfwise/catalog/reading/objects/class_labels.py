"""Names of the classes that the datasets library of Hugging Face holds as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Names = Mapping[str, Sequence[str]]
"""Column -> the names of its classes, in the order of their numbers."""


def names_of_features(features: Mapping[str, Any]) -> Names:
    """The columns of classes, and their names.

    Args:
        features: column -> what the library says of it, as plain objects.

    >>> names_of_features({"y": {"_type": "ClassLabel", "names": ["no", "yes"]}, "x": {"dtype": "string"}})
    {'y': ['no', 'yes']}
    """
    found = {name: _names(feature) for name, feature in features.items()}
    return {name: names for name, names in found.items() if names}


def class_name(number: int | None, names: Sequence[str]) -> str | None:
    """The name of a class; None of -1, which the library writes for a product without one."""
    return names[number] if number is not None and 0 <= number < len(names) else None


def class_paths(numbers: Sequence[int] | None, names: Sequence[str]) -> list[list[str]] | None:
    """The names of several classes, each a label of its own."""
    if numbers is None:
        return None
    found = [class_name(number, names) for number in numbers]
    return [[name] for name in found if name is not None]


def _names(feature: Any) -> Sequence[str]:
    """The names of a class, or of a list of classes; none of anything else."""
    if isinstance(feature, list):
        feature = feature[0] if len(feature) == 1 else {}
    if "feature" in feature:
        return _names(feature["feature"])
    is_class = feature.get("_type") == "ClassLabel"
    return [str(name) for name in feature.get("names", ())] if is_class else ()
