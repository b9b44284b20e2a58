"""What the beginning of a JSON file holds: which arrays, which objects in them, and with which keys."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass, field

import ijson

from shelfwise.catalog.reading.objects.envelopes import ENVELOPES

_NOT_NUMBERS = re.compile(rb"([:\[,]\s*)(?:NaN|-?Infinity)\b")


@dataclass
class Outline:
    """What the sample holds.

    Args:
        values: number of values that stand one after the other.
        is_array: the first of them is an array.
        kinds: key of the first value -> the event that its value begins with.
        inner: prefix of an object below the first value -> its keys; the objects of an array have one prefix.
        objects: prefix of an array that is in no other array -> its objects so far.
        nested: the same of arrays in the objects of such an array.
        lists: prefixes of arrays that are items of such an array.
        rows: key of the first value -> key of an object below -> the keys of that object.
        complete: the sample was JSON as far as it went.
    """

    values: int = 0
    is_array: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    inner: dict[str, set[str]] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    nested: Counter[str] = field(default_factory=Counter)
    rows: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    complete: bool = True


def outlined(sample: bytes) -> Outline:
    """The outline of the first value of a file that begins with `sample`."""
    sample = _NOT_NUMBERS.sub(rb"\1null", sample)
    outline = Outline()
    arrays: set[str] = set()
    try:
        events = ijson.parse(io.BytesIO(sample), multiple_values=True, use_float=True)
        for prefix, event, value in events:
            _note(outline, arrays, prefix, event, value)
    except ijson.JSONError as error:
        # a sample ends somewhere within the file
        outline.complete = "premature EOF" in str(error)
    return outline


def _note(outline: Outline, arrays: set[str], prefix: str, event: str, value: str) -> None:
    """Enter one event into the outline; `arrays` are the prefixes of the arrays so far."""
    if not prefix and event in ("start_map", "start_array"):
        outline.values += 1
        outline.is_array |= event == "start_array" and outline.values == 1
    # the shape is that of the first value: others follow it line by line
    if outline.values != 1:
        return
    if event == "start_array":
        if _in_one_array(prefix, arrays) and prefix not in outline.lists:
            outline.lists.append(prefix)
        arrays.add(prefix)
    elif event == "start_map" and _in_one_array(prefix, arrays):
        outline.objects[prefix] += 1
    elif event == "start_map" and prefix.removesuffix(".item") in arrays:
        outline.nested[prefix] += 1
    if event == "map_key":
        _note_key(outline, arrays, prefix, value)
    elif outline.kinds.get(prefix) == "":
        outline.kinds[prefix] = event


def _note_key(outline: Outline, arrays: set[str], prefix: str, name: str) -> None:
    """Enter a key of the object at `prefix`."""
    key, _, row = prefix.partition(".")
    # deeper ones have dots of their own
    if row and "." not in row and key not in arrays:
        outline.rows.setdefault(key, {}).setdefault(row, set()).add(name)
    holder = _without_envelope(prefix)
    if any(holder in found for found in (outline.kinds, outline.objects, outline.nested)):
        outline.inner.setdefault(holder, set()).add(name)
    elif not prefix:
        # the event that follows says what it is
        outline.kinds[name] = ""


def _without_envelope(prefix: str) -> str:
    """Where the envelopes stand that an object of an array is in; of other objects their own place."""
    around, _, key = prefix.rpartition(".")
    while key in ENVELOPES:
        if around.endswith("item"):
            return around
        around, _, key = around.rpartition(".")
    return prefix


def _in_one_array(prefix: str, arrays: set[str]) -> bool:
    """Whether an object is an item of an array that is in no other."""
    array = prefix.removesuffix("item").removesuffix(".")
    if array == prefix or array not in arrays:
        return False
    # the items of an array that is the whole file are called "item"
    items = [f"{other}.item".lstrip(".") for other in arrays if other != array]
    return not any(array.startswith(one) for one in items)
