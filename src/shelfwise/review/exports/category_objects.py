"""Categories that a catalogue has as objects, such as ``{"id": 5, "name": "Mugs"}``, found by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shelfwise.catalog.reading.objects.json_objects import called_in_full
from shelfwise.errors import CatalogError

Object = Mapping[str, Any]
Path = tuple[str, ...]


def objects_in(value: Any) -> Iterator[Object]:
    """The objects in the categories of a product: one, a list of them, or a list of lists."""
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from objects_in(one)


class CategoryObjects:
    """The objects of a catalogue. What else they hold than the name belongs to the name.

    Args:
        path_of: the category path that an object's name says.
    """

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        self._path_of = path_of
        # two of one name are enough to see that it does not tell the object
        self._known: dict[Path, list[Object]] = {}
        # the key of the name -> the other keys that objects have
        self._keys: dict[str, dict[str, None]] = {}

    def look_at(self, value: Any) -> None:
        """Note the objects of one product."""
        for one in objects_in(value):
            name = called_in_full(one)
            if name is None:
                continue
            others = self._keys.setdefault(name[0], {})
            others.update(dict.fromkeys(key for key in one if key != name[0]))
            known = self._known.setdefault(self._path_of(name[1]), [])
            # two are enough to tell that a name does not say which
            if len(known) < 2 and one not in known:
                known.append(one)

    def written(self, names: Any, old: Any, identity: Any) -> Any:
        """Names, or lists of these, as objects: the product's own where it has them, else the catalogue's.

        Args:
            names: the new categories.
            old: the categories that the product has; None without any.
            identity: the product's id, for errors.

        Raises:
            CatalogError: a name has no object, or several.
        """
        own: dict[Path, Object] = {}
        for one in objects_in(old):
            name = called_in_full(one)
            if name is None:
                keys = ", ".join(map(repr, one)) or "no key"
                raise CatalogError(
                    f"product {identity!r} has a category that is an object without a name (it has {keys})"
                )
            path = self._path_of(name[1])
            # which of the two a kept name means cannot be told
            if own.setdefault(path, one) != one:
                raise CatalogError(f"product {identity!r} has {_two(name[1], [own[path], one])}")
        return self._replaced(names, own, identity)

    def _replaced(self, names: Any, own: Mapping[Path, Object], identity: Any) -> Any:
        if isinstance(names, list):
            return [self._replaced(one, own, identity) for one in names]
        path = self._path_of(names)
        return own[path] if path in own else self._of_catalog(names, path, identity)

    def _of_catalog(self, name: str, path: Path, identity: Any) -> Object:
        """The only object of a name; where objects hold nothing but a name, one is made."""
        known = self._known.get(path, [])
        if len(known) == 1:
            return known[0]
        if known:
            raise CatalogError(
                f"product {identity!r} is to have {name!r}; it has {_two(name, known)}"
            )
        # one key for all names, and nothing else in the objects: then the name is all that one holds
        (key, others), *rivals = self._keys.items()
        if not others and not rivals:
            return {key: name}
        further = ", ".join(others)
        raise CatalogError(
            f"product {identity!r} is to have {name!r}; no product of the file has it, so it is not known "
            f"what its object holds beside the name ({further})"
        )


def _two(name: str, objects: list[Object]) -> str:
    """Says that a name stands for several objects."""
    first, second = (dict(one) for one in objects)
    return f"two objects of the name {name!r}, {first} and {second}, and it is not known which is meant"
