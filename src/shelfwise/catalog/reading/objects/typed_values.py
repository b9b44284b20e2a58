"""Values that stand under a word for their type, as DynamoDB has them: ``{"S": "Mug"}``, ``{"N": "4.5"}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def untyped(record: Any) -> Any:
    """A record, or one inside it, with its values themselves; others as given.

    >>> untyped({"Item": {"title": {"S": "Mug"}, "price": {"N": "4.5"}, "tags": {"SS": ["a", "b"]}}})
    {'Item': {'title': 'Mug', 'price': 4.5, 'tags': ['a', 'b']}}
    """
    # objects of JSON are dictionaries, and asking for these is fast
    if not isinstance(record, dict):
        return record
    if _is_typed_object(record):
        return _object(record)
    typed = [name for name, value in record.items() if _is_typed_object(value)]
    return {**record, **{name: _object(record[name]) for name in typed}} if typed else record


def _is_typed_object(value: Any) -> bool:
    """Whether an object holds nothing but values with their types."""
    return isinstance(value, dict) and bool(value) and all(map(_is_typed, value.values()))


def _is_typed(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((name, inside),) = value.items()
    return name in _TYPES and isinstance(inside, _TYPES[name])


def _value(value: Mapping[str, Any]) -> Any:
    ((name, inside),) = value.items()
    return _READERS[name](inside) if name in _READERS else inside


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(item) for name, item in value.items()}


def _number(text: str) -> Any:
    """A number; as a text, 1.299 might be taken for thousands."""
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text


_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("S", "N", "B"), str),
    **dict.fromkeys(("SS", "NS", "BS", "L"), list),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    "M": dict,
}
"""Word for a type -> what JSON holds of it."""

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "N": _number,
    "NS": lambda items: list(map(_number, items)),
    "NULL": lambda _: None,
    "L": lambda items: [_value(item) if _is_typed(item) else item for item in items],
    "M": lambda inside: _object(inside) if _is_typed_object(inside) else inside,
}
