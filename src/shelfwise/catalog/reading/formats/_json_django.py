"""Dumps of Django: objects of several models in one list, of which one model has the products.

``{"model": "shop.category", "pk": 5, "fields": {"name": "Mugs", "parent": null}}`` and
``{"model": "shop.product", "pk": 7, "fields": {"name": "Blue mug", "category": 5}}``. Products name their
categories and brands by keys, or further objects name a product and a category (many to many).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.categories.category_keys import (
    LIST_WORDS,
    PARENT_KEYS,
    REFERENCES,
)
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plan_columns
from shelfwise.catalog.reading.objects.category_index import CategoryIndex
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.objects.json_objects import name_of
from shelfwise.errors import CatalogError

_BEGINS = re.compile(r'"model"\s*:\s*"(\w+\.\w+)"\s*,\s*"pk"\s*:')
"""What begins an object of a dump, as Django writes its keys."""

_IMAGE = re.compile(r"(?i)\S.*\.(?:jpe?g|png|webp|gif|avif)")


def models_of(text: str) -> set[str]:
    """The models whose objects a dump of Django has; none of another text."""
    return set(_BEGINS.findall(text))


@dataclass
class _Model:
    """What the objects of a model have, and what they are called by their keys."""

    name: str
    fields: set[str] = field(default_factory=set)
    index: CategoryIndex[str] = field(default_factory=CategoryIndex)

    _by_path: dict[Any, str] = field(default_factory=dict)

    def above(self, one: Mapping[str, Any]) -> str | None:
        """The key of the object above one of the model's, by its own words or by its path (treebeard)."""
        fields = one["fields"]
        own = next((fields[key] for key in PARENT_KEYS if fields.get(key) is not None), None)
        path, depth = fields.get("path"), fields.get("depth")
        if own is None and isinstance(path, str) and isinstance(depth, int) and depth > 0:
            self._by_path[path] = str(one["pk"])
            own = self._by_path.get(path[: -len(path) // depth])
        return None if own is None else str(own)

    @property
    def tail(self) -> str:
        """The name without that of the program, ``product``."""
        return self.name.rpartition(".")[2].lower()

    @property
    def ours(self) -> Mapping[str, str]:
        """Our fields -> those of the model."""
        return plan_columns(tuple(sorted(self.fields)), {}).ours

    @property
    def is_category(self) -> bool:
        """Whether its objects are categories."""
        return "title" in self.ours and any(word in self.tail for word in LIST_WORDS)

    @property
    def category_field(self) -> str | None:
        """The field that may name categories."""
        named = (one for one in sorted(self.fields) if normal_name(one) in REFERENCES)
        return self.ours.get("categories") or next(named, None)


def products_of_dump(
    open_objects: Callable[[], Iterator[Any]], path: Path
) -> tuple[Iterator[Any], tuple[str, ...]]:
    """The products of a dump with the names of their categories and brands.

    Args:
        open_objects: gives the objects of the file, which are read twice.

    Returns:
        The records, and what a user is told.

    Raises:
        CatalogError: it is unclear which of several models has the products.
    """
    models: dict[str, _Model] = {}
    # by their models, the objects that say something of others
    links: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in filter(is_object, open_objects()):
        model = models.setdefault(one["model"], _Model(one["model"]))
        fields = one["fields"]
        model.fields.update(fields)
        name = name_of(fields)
        if name is None:
            links[model.name].append(fields)
            continue
        model.index.add(str(one["pk"]), name, model.above(one))
    # one model is a list of records like any other
    if len(models) <= 1:
        return map(plain_record, open_objects()), ()
    product = _model_of_products(models, links)
    if product is None:
        raise CatalogError(
            f"{path} is a dump of Django with objects of {', '.join(models)}, and it is unclear which of "
            "them are the products; write those of the products alone, with the names of their categories in "
            "place of keys (such as dumpdata with the products' model and --natural-foreign)"
        )
    whole = _Products(product, models, links)
    others = ", ".join(name for name in models if name != product.name)
    told = f"json: the objects of {product.name} are the products, and not {others}"
    return map(whole.with_names, filter(whole.is_product, open_objects())), (told,)


def _model_of_products(
    models: Mapping[str, _Model], links: Mapping[str, list[Mapping[str, Any]]]
) -> _Model | None:
    """The only model whose objects have names, and categories of their own or by further objects."""
    named = [one for one in models.values() if "title" in one.ours and not one.is_category]
    found = [
        one
        for one in named
        if one.category_field or any(one.tail in fields[0] for fields in links.values())
    ]
    priced = [one for one in found if {"price", "description"} & one.ours.keys()]
    found = priced or found
    return found[0] if len(found) == 1 else None


class _Products:
    """The products of a dump, and what its other objects say about them."""

    def __init__(
        self,
        model: _Model,
        models: Mapping[str, _Model],
        links: Mapping[str, list[Mapping[str, Any]]],
    ) -> None:
        self._model = model
        self._categories = [one for one in models.values() if one.is_category]
        brand = normal_name(model.ours.get("brand", ""))
        self._brands = [one for one in models.values() if brand and one.tail == brand]
        self._linked: defaultdict[str, list[Any]] = defaultdict(list)
        self._images: dict[str, str] = {}
        tails = [one.tail for one in self._categories]
        for fields in (one for several in links.values() for one in several if model.tail in one):
            key = str(fields[model.tail])
            self._linked[key].extend(fields[tail] for tail in tails if tail in fields)
            files = (text for text in fields.values() if isinstance(text, str))
            image = next(filter(_IMAGE.fullmatch, files), None)
            if image is not None:
                self._images.setdefault(key, image)

    def is_product(self, one: Any) -> bool:
        """Whether an object is a product; what is no object of a model is refused later."""
        return not is_object(one) or one["model"] == self._model.name

    def with_names(self, one: Any) -> Any:
        """A product as other files have it."""
        record = plain_record(one)
        if not is_object(one):
            return record
        values = {"id": one["pk"], **one["fields"]}
        key = str(one["pk"])
        column = self._model.category_field
        numbers = self._linked.get(key) or (values.get(column) if column else None)
        paths = _paths(numbers, self._categories)
        if paths:
            values.pop(column or "", None)
            values["categories"] = paths
        brand = self._model.ours.get("brand")
        names = _paths(values.get(brand), self._brands) if brand else []
        if brand and names:
            values[brand] = names[0][-1]
        if key in self._images and "image" not in self._model.ours:
            values["image"] = self._images[key]
        return plain_record(values)


def _paths(keys: Any, models: list[_Model]) -> list[list[str]]:
    """The paths of the objects with some keys; none where no model has all of them."""
    listed = keys if isinstance(keys, list) else [keys]
    texts = [str(key) for key in listed if isinstance(key, int | str)]
    index = next((one.index for one in models if all(key in one.index for key in texts)), None)
    return [index.path(key) for key in texts] if index else []


def is_object(one: Any) -> bool:
    """Whether it is an object of a model.

    >>> is_object({"model": "shop.product", "pk": 7, "fields": {"name": "Mug"}}), is_object({"model": "X7"})
    (True, False)
    """
    return isinstance(one, Mapping) and isinstance(one.get("fields"), Mapping) and "model" in one
