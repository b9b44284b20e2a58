"""Categories that are objects, as shops' programs answer: ``[{"id": 5, "name": "Mugs"}]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_keys import OBJECT_PARENT_KEYS
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.whole_paths import leads_to
from shelfwise.catalog.reading.objects.category_trees import (
    holds_another,
    path_of_ancestors,
    paths_below,
    paths_by_parents,
)
from shelfwise.catalog.reading.objects.json_objects import WHOLE_PATHS, called_in_full, name_of
from shelfwise.catalog.reading.objects.level_objects import level_keys, path_of_levels

_REFERENCE = frozenset({"typeId", "id"})
"""Keys of what names another object (commercetools)."""

_PLACES = ("position", "level", "depth")
"""Keys under which an object has its place on a path."""

_COUNTED = 2
"""Keys of which the values 0 and 1 may be places."""

_TEXT = frozenset({str})
_LISTS = frozenset({list})


def category_values(value: Any) -> Any:
    """Categories given as objects by their names, numbers as texts; other values as they are.

    >>> category_values([{"id": 5, "name": "Mugs"}, {"id": 6, "name": "Gifts"}])
    ['Mugs', 'Gifts']
    >>> category_values({"lvl0": "Home", "lvl1": "Home > Mugs"})
    'Home > Mugs'
    >>> category_values([{"position": 2, "name": "Mugs"}, {"position": 1, "name": "Home"}])
    ['Home', 'Mugs']
    >>> category_values({"name": "Mugs", "fullName": "Home > Mugs"})
    'Home > Mugs'
    >>> category_values({"l1": "Home", "l2": "Mugs"}), category_values({"Mugs": 1.0, "Toys": 0.0})
    ([['Home', 'Mugs']], [['Mugs']])
    >>> category_values([7, "Home / Mugs"])
    ['Home / Mugs']
    """
    if isinstance(value, Mapping):
        return _category_object(value)
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        # most lists are of names, or of paths of names, and need no further look
        if kinds <= _TEXT:
            return list(value)
        if kinds == _LISTS and all(set(map(type, path)) <= _TEXT for path in value):
            return list(map(list, value))
        # a record of another table by its id and its name, as Odoo answers
        if list(map(type, value)) == [int, str]:
            return [value[1]]
        if not any(issubclass(kind, Mapping) for kind in kinds):
            return _joined(value)
        by_parents = paths_by_parents(value, name_of)
        if by_parents is not None:
            return by_parents
        return _joined(_from_the_top(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number:
        return f"{value:.0f}" if float(value).is_integer() else str(value)
    return value


def tell_parents(values: Sequence[Any]) -> bool:
    """Whether categories as objects say which one is above each of them."""
    return paths_by_parents(values, name_of) is not None


def told_reference(values: Sequence[Any]) -> str:
    """What to do with objects that name others by their ids (Sanity, Contentful); empty without such.

    >>> told_reference([{"_type": "reference", "_ref": "c5"}])
    "; write the name of each category in the place of its id, 'c5'"
    """
    for value in values:
        identity = value.get("_ref", value.get("id")) if isinstance(value, Mapping) else None
        if identity is not None:
            return f"; write the name of each category in the place of its id, {identity!r}"
    return ""


def _category_object(value: Mapping[str, Any]) -> Any:
    """What an object says of categories; the object where it is of no known kind."""
    levels = level_keys(tuple(map(str, value)))
    if levels:
        return path_of_levels([value[key] for key in levels])
    found = called_in_full(value)
    if found is not None:
        return _named_object(value, found[1])
    # {"5": "Mugs", "8": "Gifts"}, numbers that stand for names
    if value and all(str(key).isdecimal() for key in value):
        return _joined(list(value.values()))
    # JSON:API and Strapi, and commercetools
    for key in ("attributes", "obj"):
        if isinstance(value.get(key), Mapping):
            return category_values(value[key])
    if _has_marks(value):
        return [[name] for name, mark in value.items() if mark]
    # a reference, of which nothing but the id is in the file
    if value.keys() == _REFERENCE:
        return category_values(value["id"])
    # what joins a product to a category (Directus)
    joined = [item for key, item in value.items() if "categor" in key.lower()]
    if len(joined) == 1 and isinstance(joined[0], Mapping):
        return category_values(joined[0])
    # <categories><category>Mugs</category></categories>
    only = list(value.values())
    inside = only[0] if len(only) == 1 else None
    return category_values(inside) if isinstance(inside, str | list | Mapping) else value


def _has_marks(value: Mapping[str, Any]) -> bool:
    """Whether an object says yes or no of each name, which databases of objects have in place of a list.

    >>> _has_marks({"Mugs": True, "Toys": False}), _has_marks({"Mugs": 1.0, "Toys": 0.0})
    (True, True)
    >>> _has_marks({"home": 0, "mugs": 1})
    False
    """
    marks = list(value.values())
    # whole numbers may be counts, or places of two levels
    may_be_whole = 0 in marks and len(marks) > _COUNTED
    kinds = bool | int | float if may_be_whole else bool | float
    return bool(marks) and all(isinstance(mark, kinds) and mark in (0, 1) for mark in marks)


def _named_object(value: Mapping[str, Any], name: str) -> Any:
    """The name of a category, or its path where the object has it in one of several ways."""
    listed = _listed_path(value, name)
    if listed is not None:
        return listed
    path = path_of_ancestors(value, name_of)
    if path is not None:
        return path
    below = paths_below(value, name_of)
    # nobody knows whether a further category stands above or below, so it is refused
    if not below and _parent(value) is None and holds_another(value):
        return value
    return below or _with_parents(value, name)


def _joined(values: Sequence[Any]) -> list[Any]:
    """What each value says of categories, with all paths of an object that has several."""
    found: list[Any] = []
    for value in values:
        said = category_values(value)
        lists = isinstance(said, list) and all(isinstance(one, list) for one in said)
        found += said if isinstance(value, Mapping) and lists else [said]
    if not any(isinstance(one, list) for one in found):
        return found
    # beside paths the name of an object is a path of one level
    names = {name_of(value) for value in values if isinstance(value, Mapping)}
    return [[one] if isinstance(one, str) and one in names else one for one in found]


def _listed_path(value: Mapping[str, Any], name: str) -> list[str] | None:
    """The path that an object has as a list beside its last name, of names or objects; None without one."""
    plain = {normal_name(str(key)).replace("_", ""): one for key, one in value.items()}
    lists = (plain[key] for key in WHOLE_PATHS if isinstance(plain.get(key), list))
    named = (list(map(_own_name, one)) for one in lists)
    paths = (path for path in named if all(isinstance(one, str) for one in path))
    return next((path for path in paths if leads_to(path, name)), None)


def _own_name(value: Any) -> Any:
    """What an object is called; other values as given."""
    return name_of(value) if isinstance(value, Mapping) else value


def _from_the_top(values: Sequence[Any]) -> Sequence[Any]:
    """Objects by their places on a path, where each has one of its own; other values as given."""
    for key in _PLACES:
        by_place = {
            one[key]: one
            for one in values
            if isinstance(one, Mapping) and type(one.get(key)) is int
        }
        if len(by_place) == len(values):
            return [by_place[place] for place in sorted(by_place)]
    return values


def _with_parents(value: Mapping[str, Any], name: str) -> Any:
    """The path of an object that holds the one above it; its name where it stands alone."""
    path = [name]
    above = _parent(value)
    while isinstance(above, Mapping) and (higher := name_of(above)) is not None:
        path.insert(0, higher)
        above = _parent(above)
    return path if len(path) > 1 else name


def _parent(value: Mapping[str, Any]) -> Any:
    """The object above another one, as that holds it."""
    plain = {normal_name(str(key)): one for key, one in value.items()}
    return next(
        (plain[key] for key in OBJECT_PARENT_KEYS if isinstance(plain.get(key), Mapping)), None
    )
