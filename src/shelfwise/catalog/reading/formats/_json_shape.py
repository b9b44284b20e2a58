"""How a JSON file holds its records, by its beginning."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import ijson

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.envelopes import ENVELOPES

SAMPLE_BYTES = 1 << 20
"""Of the file's beginning, which are enough to tell."""

_NAMES_OF_A_RECORD = frozenset({"id", "title"})
_INCLUDED = "included.item"
_SPLIT_KEYS = frozenset({"columns", "index", "data"})
_NOT_NUMBERS = re.compile(rb"([:\[,]\s*)(?:NaN|-?Infinity)\b")


class Layout(Enum):
    """What a value with records holds."""

    OBJECTS = "objects, one a record"
    COLUMNS = "{column: {row: value}}, as pandas writes by default"
    ROWS = "{row: {column: value}}"
    SPLIT = "{columns: [...], index: [...], data: [[...], ...]}, as pandas writes with orient=split"
    LISTS = "[[...], [...]], as pandas writes with orient=values"


@dataclass(frozen=True)
class JsonShape:
    """Where the records are.

    Args:
        layout: what holds them.
        prefix: where, as ijson writes it: "item" in an array, "products.item" in one under a key, "" for
            objects one after the other.
        complete: the sample was JSON as far as it went.
        rivals: where there are as good records as there.
    """

    layout: Layout
    prefix: str
    complete: bool = True
    rivals: tuple[str, ...] = ()


@dataclass
class _Outline:
    """What the sample holds.

    Args:
        values: number of values that stand one after the other.
        is_array: the first of them is an array.
        kinds: key of the first value -> the event that its value begins with.
        inner: prefix of an object below the first value -> its keys; the objects of an array have one prefix.
        objects: prefix of an array that is in no other array -> its objects so far.
        lists: prefixes of arrays that are items of such an array.
        complete: the sample was JSON as far as it went.
    """

    values: int = 0
    is_array: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    inner: dict[str, set[str]] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    lists: list[str] = field(default_factory=list)
    complete: bool = True


def json_shape(sample: bytes, columns: Mapping[str, str]) -> JsonShape:
    """The shape of a file that begins with `sample`.

    Args:
        columns: our field name -> the source's column name, where the settings name it.
    """
    outline = _outlined(_NOT_NUMBERS.sub(rb"\1null", sample))
    layout = Layout.OBJECTS
    prefix = ""
    rivals: tuple[str, ...] = ()
    if outline.is_array:
        prefix = "item"
        layout = Layout.LISTS if "item" in outline.lists else Layout.OBJECTS
    elif outline.values == 1:
        layout = _layout(outline, columns)
        is_record = plan_columns(tuple(outline.kinds), columns).ours.keys() >= _NAMES_OF_A_RECORD
        # a product may have lists of objects itself, such as its variants
        if layout is Layout.OBJECTS and outline.objects and not is_record:
            prefix = max(outline.objects, key=lambda one: _likeness(outline, one, columns))
            rivals = _as_good(outline, prefix, columns)
        elif layout is Layout.LISTS:
            prefix = f"{_key_of_lists(outline)}.item"
    return JsonShape(layout, prefix, outline.complete, rivals)


def _likeness(outline: _Outline, prefix: str, columns: Mapping[str, str]) -> tuple[bool, int, int]:
    """How much an array looks like products: our fields that its objects have, then how many they are.

    What JSON:API puts beside its answers, such as their categories, is less likely.
    """
    names = tuple(sorted(outline.inner.get(prefix, ())))
    is_answer = prefix != _INCLUDED
    return is_answer, len(plan_columns(names, columns).ours), outline.objects[prefix]


def _as_good(outline: _Outline, prefix: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Other arrays whose objects have the same keys, enough of these for products."""
    keys = outline.inner.get(prefix, set())
    ours = plan_columns(tuple(sorted(keys)), columns).ours
    if not ours.keys() >= _NAMES_OF_A_RECORD:
        return ()
    alike = [one for one in outline.objects if outline.inner.get(one) == keys]
    return tuple(one for one in alike if one not in (prefix, _INCLUDED))


def _layout(outline: _Outline, columns: Mapping[str, str]) -> Layout:
    """Whether the only value is a table of columns, of rows or of lists, or none."""
    if outline.kinds.get("columns") == "start_array" and outline.kinds.keys() <= _SPLIT_KEYS:
        return Layout.SPLIT
    ours = plan_columns(tuple(outline.kinds), columns).ours
    if _key_of_lists(outline) is not None and not outline.objects and not ours:
        return Layout.LISTS
    if not outline.kinds or set(outline.kinds.values()) != {"start_map"}:
        return Layout.OBJECTS
    if ours:
        return Layout.COLUMNS
    inner = dict.fromkeys(name for key in outline.kinds for name in outline.inner.get(key, ()))
    names = plan_columns(tuple(inner), columns).ours
    return Layout.ROWS if "title" in names else Layout.OBJECTS


def _key_of_lists(outline: _Outline) -> str | None:
    """The first key whose value is an array of arrays."""
    return next((key for key in outline.kinds if f"{key}.item" in outline.lists), None)


def _outlined(sample: bytes) -> _Outline:
    outline = _Outline()
    arrays: set[str] = set()
    try:
        events = ijson.parse(io.BytesIO(sample), multiple_values=True, use_float=True)
        for prefix, event, value in events:
            _note(outline, arrays, prefix, event, value)
    except ijson.JSONError as error:
        # a sample ends somewhere within the file
        outline.complete = "premature EOF" in str(error)
    return outline


def _note(outline: _Outline, arrays: set[str], prefix: str, event: str, value: str) -> None:
    """Enter one event into the outline; `arrays` are the prefixes of the arrays so far."""
    if not prefix and event in ("start_map", "start_array"):
        outline.values += 1
        outline.is_array |= event == "start_array" and outline.values == 1
    if outline.values != 1:
        return
    if event == "start_array":
        if _in_one_array(prefix, arrays) and prefix not in outline.lists:
            outline.lists.append(prefix)
        arrays.add(prefix)
    elif event == "start_map" and _in_one_array(prefix, arrays):
        outline.objects[prefix] += 1
    holder = _without_envelope(prefix)
    if event == "map_key" and (holder in outline.kinds or holder in outline.objects):
        outline.inner.setdefault(holder, set()).add(value)
    elif event == "map_key" and not prefix:
        # the event that follows says what it is
        outline.kinds[value] = ""
    elif outline.kinds.get(prefix) == "":
        outline.kinds[prefix] = event


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
    return not any(array.startswith(f"{other}.item") for other in arrays if other != array)
