"""Products in lists inside other objects: the pages of an answer, and groups that have a category's name.

``{"page": 1, "results": [...]}`` and ``{"category": "Mugs", "products": [...]}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.columns.written_words import word_set
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.objects.grouped_records import with_category

LISTS = word_set(
    """
    products items results records rows docs documents entries hits edges nodes data articles offers
    produkte artikel produits productos prodotti
    """
)
"""Keys, in lower case, under which a page or a group has its products."""

_OF_GROUPS = word_set("products produkte artikel produits productos prodotti articles")
_OF_BARE_GROUPS = _OF_GROUPS | {"items"}
"""Those under which a group with a name has them: a product may have entries, offers and parts itself."""

_DEPTH = 3
_ITEMS = 20
"""Objects of a list that tell which keys they have."""

BELOW = ("children", "subcategories", "categories", "groups", "sections", "childrens")
"""Keys under which a group has those below it."""

_PAGES = word_set(
    """
    page pages total next previous offset limit cursor per_page count has_more hasmore next_page
    nextpage current_page meta links
    """
)
"""Keys, in lower case, that a page of an answer has, and no category."""

_OF_RECORDS = frozenset({"id", "title"})
_OF_PRODUCTS = frozenset({"price", "description", "image", "brand"})


def key_of_members(
    names: Collection[str], lists: Mapping[str, Collection[str]], columns: Mapping[str, str]
) -> str:
    """The key of the products inside each of several objects; empty where these are the products.

    Args:
        names: the keys of the objects.
        lists: key of a list of objects inside -> the keys of its objects.
        columns: our field -> the file's name, where the settings name it.
    """
    ours = plan_columns(tuple(sorted(names)), columns).ours
    # a product may hold others, such as those that go with it
    if ours.keys() & {"price", "brand"} or ours.keys() >= {"title", "categories"}:
        return ""
    keys = LISTS
    if is_named(names, columns):
        # what has a text or an image, too, may be made of its items
        keys = _OF_GROUPS if ours.keys() & {"description", "image"} else _OF_BARE_GROUPS
    for key, inner in lists.items():
        fields = plan_columns(tuple(sorted(inner)), columns).ours
        if key.lower() in keys and fields.keys() >= _OF_RECORDS:
            return key
    return ""


def is_group(record: Mapping[str, Any]) -> bool:
    """Whether an object is a page or a group, with products in a list inside it."""
    return bool(key_of_members(record.keys(), dict(_lists_in(record, _DEPTH)), {}))


def _lists_in(record: Mapping[str, Any], depth: int) -> Iterator[tuple[str, set[str]]]:
    """The lists inside an object, and inside those that it holds: key -> keys of their objects."""
    for key, value in record.items():
        if isinstance(value, Mapping) and depth:
            yield from _lists_in(value, depth - 1)
        if isinstance(value, list):
            items = [plain_record(item) for item in value[:_ITEMS]]
            yield key, {name for item in items if isinstance(item, Mapping) for name in item}


def is_named(names: Collection[str], columns: Mapping[str, str]) -> bool:
    """Whether objects with these keys are groups with a name, and no pages of an answer."""
    ours = plan_columns(tuple(sorted(names)), columns).ours
    pages = {name.lower() for name in names} & _PAGES
    return bool(ours.keys() & {"title", "categories"}) and not pages


def members_of(group: Any, key: str, above: tuple[str, ...] = ()) -> Iterator[Any]:
    """The products of a page or a group; those of a group get its name, and those above, as their category.

    What has no such list, and looks like a product, is given as it is.

    >>> list(members_of({"category": "Mugs", "products": [{"id": 1, "title": "Mug"}]}, "products"))
    [{'categories': 'Mugs', 'id': 1, 'title': 'Mug'}]
    """
    if not isinstance(group, Mapping):
        yield group
        return
    below = [one for name in BELOW for one in _objects_in(group.get(name))]
    if not isinstance(group.get(key), list) and not below:
        # an empty group is no product
        if _looks_like_a_product(group):
            yield group
        return
    name = _name(group)
    # a page has no name, and adds no level
    path = (*above, name) if name else above
    for product in group.get(key) or ():
        yield with_category(product, path) if isinstance(product, Mapping) else product
    for one in below:
        yield from members_of(one, key, path)


def _name(group: Mapping[str, Any]) -> str:
    """What a group is called; empty for a page of an answer."""
    if not is_named(group.keys(), {}):
        return ""
    ours = plan_columns(tuple(group), {}).ours
    texts = [group[ours[field]] for field in ("categories", "title") if field in ours]
    return next((text.strip() for text in texts if isinstance(text, str)), "")


def _looks_like_a_product(values: Mapping[str, Any]) -> bool:
    return bool(plan_columns(tuple(values), {}).ours.keys() & _OF_PRODUCTS)


def _objects_in(value: Any) -> Iterator[Any]:
    """The objects of a list; nothing of other values."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))
