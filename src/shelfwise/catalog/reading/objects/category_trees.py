"""Categories of a product as objects that say which of them lies below which.

``[{"id": 1, "name": "Home", "parent": 0}, {"id": 2, "name": "Mugs", "parent": 1}]``, in any order, and
``{"name": "Home", "children": [{"name": "Mugs"}]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_keys import (
    ANCESTOR_KEYS,
    CHILD_KEYS,
    ID_KEYS,
    OBJECT_PARENT_KEYS,
    PARENT_KEYS,
)
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.objects.category_index import CategoryIndex

NameOf = Callable[[Mapping[str, Any]], str | None]
"""What an object is called; None of one without a name."""


def paths_by_parents(values: Sequence[Any], name_of: NameOf) -> list[list[str]] | None:
    """The paths of objects that each have an id, a name and the id of the one above; None of others.

    Those that stand above another one end no path.

    >>> home, mugs = {"id": 1, "name": "Home", "parent": 0}, {"id": 2, "name": "Mugs", "parent": 1}
    >>> paths_by_parents([mugs, home], lambda value: value["name"])
    [['Home', 'Mugs']]
    """
    index: CategoryIndex[str] = CategoryIndex()
    parents: dict[str, str] = {}
    for value in values:
        name = name_of(value) if isinstance(value, Mapping) else None
        plain = {normal_name(str(key)): one for key, one in value.items()} if name else {}
        # objects that hold the one above tell more than its id
        if any(isinstance(plain.get(key), Mapping) for key in OBJECT_PARENT_KEYS):
            return None
        identity = _first(plain, ID_KEYS)
        above = _first(plain, PARENT_KEYS)
        has_parent = any(key in plain for key in PARENT_KEYS)
        if name is None or identity is None or not has_parent:
            return None
        parents[identity] = above or ""
        index.add(identity, name, above)
    # two objects of one id, or some that hold the one above themselves
    if not parents or len(parents) < len(values):
        return None
    ends = parents.keys() - set(parents.values())
    # by mistake each may stand above another
    return [index.path(identity) for identity in parents if identity in ends] or None


def paths_below(value: Mapping[str, Any], name_of: NameOf) -> list[list[str]]:
    """The paths from an object down to each of those that it holds; none where it holds no other.

    >>> paths_below({"name": "Home", "subs": {"5": {"name": "Mugs"}}}, lambda value: value["name"])
    [['Home', 'Mugs']]
    """
    name = name_of(value)
    found = []
    for below in held_below(value):
        inside = name_of(below)
        if name is None or inside is None:
            return []
        found += [[name, *path] for path in paths_below(below, name_of) or [[inside]]]
    return found


def held_below(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects below another one that it holds itself, in a list, under their ids or alone.

    >>> list(held_below({"name": "Home", "children": ["Mugs", {"name": "Pots"}]}))
    [{'name': 'Mugs'}, {'name': 'Pots'}]
    """
    for key, held in value.items():
        if normal_name(str(key)) not in CHILD_KEYS:
            continue
        is_one = isinstance(held, Mapping) and not all(
            isinstance(one, Mapping) for one in held.values()
        )
        inside = [held] if is_one else held.values() if isinstance(held, Mapping) else held
        # those without anything but a name may be given as this name
        texts = [inside] if isinstance(inside, str) else inside or ()
        objects = ({"name": one} if isinstance(one, str) and one else one for one in texts)
        yield from (one for one in objects if isinstance(one, Mapping))


def path_of_ancestors(value: Mapping[str, Any], name_of: NameOf) -> list[str] | None:
    """The path of an object that lists those above it; None of others.

    >>> path_of_ancestors({"name": "Mugs", "ancestors": [{"name": "Home"}]}, lambda value: value["name"])
    ['Home', 'Mugs']
    """
    lists = (one for key, one in value.items() if normal_name(str(key)) in ANCESTOR_KEYS)
    listed = next(lists, None)
    # GraphQL answers lists as connections
    if isinstance(listed, Mapping) and isinstance(listed.get("edges"), list):
        listed = [one.get("node") for one in listed["edges"] if isinstance(one, Mapping)]
    elif isinstance(listed, Mapping) and "nodes" in listed:
        listed = listed["nodes"]
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        return None
    names = [*map(name_of, listed), name_of(value)]
    found = [name for name in names if name is not None]
    # the list may hold the object itself, too
    if len(found) > 1 and found[-1] == found[-2]:
        found.pop()
    return found if len(found) > 1 else None


def holds_another(value: Mapping[str, Any]) -> bool:
    """Whether an object holds a further one that is called a category, above or below it.

    >>> holds_another({"name": "Mugs", "category": {"name": "Home"}})
    True
    """
    return any(
        "categor" in str(key).lower() and isinstance(one, Mapping) for key, one in value.items()
    )


def _first(plain: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The id under one of several keys, as a text."""
    found = (plain[key] for key in keys if isinstance(plain.get(key), str | int))
    return next((str(one) for one in found if one != "" and not isinstance(one, bool)), None)
