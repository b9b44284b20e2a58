"""Groups of an XML file that are called like the categories of the records inside them.

``<category name="Mugs"><product>...</product></category>``, also inside each other; the name may be an
element of its own, ``<category><name>Mugs</name>...``.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from shelfwise.catalog.reading.categories.category_keys import (
    GROUP_ID_KEYS,
    GROUP_NAME_KEYS,
    GROUP_TAGS,
)
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.formats._xml_records import local_name


def is_group(tag: str) -> bool:
    """Whether elements of this name are groups of records, by category."""
    return normal_name(local_name(tag)) in GROUP_TAGS


class OpenGroups:
    """The groups around the place that is read; an element each that is open, from the outermost on."""

    def __init__(self) -> None:
        # of elements that are no groups, and of groups before their name comes, it is empty
        self._names: list[str] = []
        self._are_groups: list[bool] = []

    def open(self, element: Element) -> None:
        """Enter an element that begins."""
        group = is_group(element.tag)
        attributes = {normal_name(local_name(key)): text for key, text in element.attrib.items()}
        # a group of another name may as well hold the variants of a product
        ids = (
            GROUP_ID_KEYS if normal_name(local_name(element.tag)) in SYNONYMS["categories"] else ()
        )
        texts = (attributes.get(key, "").strip() for key in (*GROUP_NAME_KEYS, *ids))
        self._are_groups.append(group)
        self._names.append(next(filter(None, texts), "") if group else "")

    def close(self, element: Element) -> None:
        """Leave an element that ends; it may be the name of the group that it is in."""
        self._names.pop()
        self._are_groups.pop()
        if not self._are_groups or not self._are_groups[-1] or len(element):
            return
        text = (element.text or "").strip()
        if text and normal_name(local_name(element.tag)) in GROUP_NAME_KEYS:
            self._names[-1] = text

    def path(self) -> list[str]:
        """The names of the groups."""
        return [name for name in self._names if name]
