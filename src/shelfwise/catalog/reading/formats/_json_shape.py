"""How a JSON file holds its records, by its beginning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.formats._json_categories import lists_categories, names_by_id
from shelfwise.catalog.reading.formats._json_groups import BELOW, is_named, key_of_members
from shelfwise.catalog.reading.formats._json_outline import Outline, outlined

SAMPLE_BYTES = 1 << 20
"""Of the file's beginning, which are enough to tell."""

_NAMES_OF_A_RECORD = frozenset({"id", "title"})
_TEXTS = frozenset({"title", "description", "image"})
_INCLUDED = "included.item"
_SPLIT_KEYS = frozenset({"columns", "index", "data"})
_KEYS_OF_A_TABLE = frozenset({"type", "name", "database", "data"})


_FIRST_ROWS = frozenset({"0", "1"})


class Layout(Enum):
    """What a value with records holds."""

    OBJECTS = "objects, one a record"
    COLUMNS = "{column: {row: value}}, as pandas writes by default"
    ROWS = "{row: {column: value}}"
    SPLIT = "{columns: [...], index: [...], data: [[...], ...]}, as pandas writes with orient=split"
    LISTS = "[[...], [...]], as pandas writes with orient=values"
    DATABASE = "[{type: table, name, data: [...]}, ...], as phpMyAdmin writes"


@dataclass(frozen=True)
class JsonShape:
    """Where the records are.

    Args:
        layout: what holds them.
        prefix: where, as ijson writes it: "item" in an array, "products.item" in one under a key, "" for
            objects one after the other.
        members: of objects that are pages or groups, the key under which they have the records.
        complete: the sample was JSON as far as it went.
        rivals: where there are as good records as there.
        others: keys beside that of the rows, or of lists beside the members, whose objects are not read.
        categories: keys beside that of the records that list categories, which these may name by ids.
        names_by_id: whether records have a key that is called like the id of a category.
        no_products: where the records themselves are but a list of categories, the lists beside it.
        rows: where the records may describe the columns of rows beside them, these.
    """

    layout: Layout
    prefix: str
    members: str = ""
    complete: bool = True
    rivals: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    names_by_id: bool = False
    no_products: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


def json_shape(sample: bytes, columns: Mapping[str, str]) -> JsonShape:
    """The shape of a file that begins with `sample`.

    Args:
        columns: our field name -> the source's column name, where the settings name it.
    """
    outline = outlined(sample)
    if outline.is_array:
        return _of_array(outline, columns)
    # objects one after the other, each over several lines
    if outline.values > 1:
        return _of_several(outline, columns)
    shape = _of_one(outline, columns)
    key = shape.prefix.partition(".")[0]
    # a record by itself has its own categories
    listing = [one for one in outline.kinds if one != key and lists_categories(one)] if key else []
    listing += _lists_beside(outline, shape.prefix)
    return replace(
        shape,
        categories=tuple(listing),
        names_by_id=names_by_id(outline.inner.get(shape.prefix, ())),
        no_products=_beside_categories(outline, shape, columns),
        rows=_longer_beside(outline, shape, columns),
    )


def _lists_beside(outline: Outline, prefix: str) -> list[str]:
    """The lists of categories beside the records, where all of them stand under a key of their own."""
    around = prefix.removesuffix(".item").rpartition(".")[0]
    beside = (one.removesuffix(".item") for one in outline.objects if one != prefix)
    return [
        one
        for one in beside
        if around and one.rpartition(".")[0] == around and lists_categories(one.rpartition(".")[2])
    ]


def _beside_categories(
    outline: Outline, shape: JsonShape, columns: Mapping[str, str]
) -> tuple[str, ...]:
    """The lists of objects beside the records, where these are a list of categories (COCO); else none."""
    ours = plan_columns(tuple(sorted(outline.inner.get(shape.prefix, ()))), columns).ours
    if shape.members or not lists_categories(shape.prefix) or ours.keys() - _NAMES_OF_A_RECORD:
        return ()
    beside = [one.removesuffix(".item") for one in outline.objects if one != shape.prefix]
    return tuple(beside)


def _longer_beside(
    outline: Outline, shape: JsonShape, columns: Mapping[str, str]
) -> tuple[str, ...]:
    """Lists of lists, or longer lists of objects, beside records without any text; else none.

    ``{"fields": [{"id": "title", "type": "text"}], "records": [["Mug"]]}``, as CKAN and Google Sheets answer.
    """
    ours = plan_columns(tuple(sorted(outline.inner.get(shape.prefix, ()))), columns).ours
    if shape.prefix not in outline.objects or shape.members or ours.keys() & _TEXTS:
        return ()
    count = outline.objects[shape.prefix]
    longer = [one for one, others in outline.objects.items() if others > count]
    return tuple(one.removesuffix(".item") for one in (*outline.lists, *longer))


def _of_one(outline: Outline, columns: Mapping[str, str]) -> JsonShape:
    """The shape of the only value of a file."""
    layout = _layout(outline, columns)
    is_record = plan_columns(tuple(outline.kinds), columns).ours.keys() >= _NAMES_OF_A_RECORD
    if layout is Layout.LISTS:
        return JsonShape(layout, f"{_key_of_lists(outline)}.item", complete=outline.complete)
    if layout is not Layout.OBJECTS or is_record:
        return JsonShape(layout, "", complete=outline.complete)
    # a product may have lists of objects itself, such as its variants
    if outline.objects:
        prefix = max(outline.objects, key=lambda one: _likeness(outline, one, columns))
        members = _members(outline, prefix, columns)
        rivals = _as_good(outline, prefix, columns)
        others = _beside_members(outline, prefix, members)
        return JsonShape(layout, prefix, members, outline.complete, rivals, others)
    return _of_rows(outline, columns)


def _of_array(outline: Outline, columns: Mapping[str, str]) -> JsonShape:
    """The shape of an array."""
    layout = Layout.LISTS if "item" in outline.lists else Layout.OBJECTS
    if outline.inner.get("item", set()) >= _KEYS_OF_A_TABLE and "item.data.item" in outline.nested:
        layout = Layout.DATABASE
    members = _members(outline, "item", columns) if layout is Layout.OBJECTS else ""
    others = _beside_members(outline, "item", members)
    return JsonShape(layout, "item", members, outline.complete, others=others)


def _of_several(outline: Outline, columns: Mapping[str, str]) -> JsonShape:
    """The shape of objects one after the other: records, or pages and groups of them."""
    names = outline.kinds
    lists = {one.split(".")[-2]: outline.inner.get(one, set()) for one in outline.objects}
    key = key_of_members(names, lists, columns)
    if not key:
        return JsonShape(Layout.OBJECTS, "", complete=outline.complete)
    if is_named(names, columns):
        return JsonShape(Layout.OBJECTS, "", key, outline.complete)
    # pages are read record by record, however long they are
    prefix = next(one for one in outline.objects if one.split(".")[-2] == key)
    return JsonShape(Layout.OBJECTS, prefix, complete=outline.complete)


def _of_rows(outline: Outline, columns: Mapping[str, str]) -> JsonShape:
    """The shape of an object whose records stand two levels below, each under its id (Firebase)."""

    def fields(key: str) -> int:
        keys = {name for row in outline.rows[key].values() for name in row}
        ours = plan_columns(tuple(sorted(keys)), columns).ours
        return len(ours) if "title" in ours else 0

    alike = [key for key, rows in outline.rows.items() if _are_alike(list(rows.values()))]
    possible = [key for key in alike if fields(key)]
    ours = plan_columns(tuple(outline.kinds), columns).ours
    # an object that has fields of its own is a record, whatever it holds
    if not possible or ours.keys() - {"categories"}:
        return JsonShape(Layout.OBJECTS, "", complete=outline.complete)
    best = max(possible, key=fields)
    rivals = tuple(key for key in possible if key != best and fields(key) == fields(best))
    others = tuple(key for key in outline.kinds if key != best)
    return JsonShape(Layout.ROWS, f"{best}.item", "", outline.complete, rivals, others)


def _are_alike(rows: Sequence[set[str]]) -> bool:
    """Whether several objects mostly have the same keys."""
    names = Counter(name for row in rows for name in row)
    usual = {name for name, count in names.items() if 2 * count >= len(rows)}
    # the sample may have cut the last one short
    return len(rows) > 1 and all(2 * len(row & usual) >= len(usual) for row in rows[:-1])


def _members(outline: Outline, prefix: str, columns: Mapping[str, str]) -> str:
    """Where the objects of an array are pages or groups: the key of the records inside them."""
    lists = {
        one.removeprefix(f"{prefix}.").removesuffix(".item"): outline.inner.get(one, set())
        for one in outline.nested
        if one.startswith(f"{prefix}.")
    }
    return key_of_members(outline.inner.get(prefix, set()), lists, columns)


def _beside_members(outline: Outline, prefix: str, members: str) -> tuple[str, ...]:
    """The keys of other lists in objects that are pages or groups, which are not read."""
    keys = [
        one.removeprefix(f"{prefix}.").removesuffix(".item")
        for one in outline.nested
        if one.startswith(f"{prefix}.")
    ]
    read = {members, *BELOW}
    # what has a dot stands deeper, such as in the products themselves
    return tuple(key for key in keys if members and "." not in key and key not in read)


def _likeness(outline: Outline, prefix: str, columns: Mapping[str, str]) -> tuple[bool, int, int]:
    """How much an array looks like products: our fields that its objects have, then how many they are.

    What JSON:API puts beside its answers, such as their categories, is less likely.
    """
    names = tuple(sorted(outline.inner.get(prefix, ())))
    is_answer = prefix != _INCLUDED
    return is_answer, len(plan_columns(names, columns).ours), outline.objects[prefix]


def _as_good(outline: Outline, prefix: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Other arrays whose objects have the same keys, enough of these for products."""
    keys = outline.inner.get(prefix, set())
    ours = plan_columns(tuple(sorted(keys)), columns).ours
    if not ours.keys() >= _NAMES_OF_A_RECORD:
        return ()
    alike = [one for one in outline.objects if outline.inner.get(one) == keys]
    return tuple(one for one in alike if one not in (prefix, _INCLUDED))


def _layout(outline: Outline, columns: Mapping[str, str]) -> Layout:
    """Whether the only value is a table of columns, of rows or of lists, or none."""
    if outline.kinds.get("columns") == "start_array" and outline.kinds.keys() <= _SPLIT_KEYS:
        return Layout.SPLIT
    ours = plan_columns(tuple(outline.kinds), columns).ours
    if _key_of_lists(outline) is not None and not outline.objects and not ours:
        return Layout.LISTS
    if not outline.kinds or set(outline.kinds.values()) != {"start_map"}:
        return Layout.OBJECTS
    # a list of categories beside objects under their ids is no column
    if ours.keys() - {"categories"} or (ours and not outline.rows):
        return Layout.COLUMNS
    inner = dict.fromkeys(name for key in outline.kinds for name in outline.inner.get(key, ()))
    # rows that are counted from 0 are pandas', whatever its columns are called
    if inner.keys() >= _FIRST_ROWS and all(name.isdigit() for name in inner):
        return Layout.COLUMNS
    names = plan_columns(tuple(inner), columns).ours
    return Layout.ROWS if "title" in names else Layout.OBJECTS


def _key_of_lists(outline: Outline) -> str | None:
    """The first key whose value is an array of arrays."""
    return next((key for key in outline.kinds if f"{key}.item" in outline.lists), None)
