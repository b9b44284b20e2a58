"""Whose column is whose: a source's names and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "asin", "product_id", "uniq_id", "sku"),
    "title": ("title", "name", "product_name"),
    "description": ("description",),
    "image": ("image", "image_path", "imurl", "imageurlhighres", "imageurl"),
    "categories": ("categories", "category", "labels", "product_category_tree"),
    "price": ("price",),
    "brand": ("brand",),
    "related": ("related",),
}
"""Column names a source may use for each of ours, in lower case; the first one found counts."""

RELATIONS: Mapping[str, str] = {
    "also_buy": "also_bought",
    "also_view": "also_viewed",
    "also_bought": "also_bought",
    "also_viewed": "also_viewed",
    "bought_together": "bought_together",
    "buy_after_viewing": "buy_after_viewing",
}
"""Columns that hold one relation each (the 2018 dumps), and the name the relation gets in ``related``."""


@dataclass(frozen=True)
class ColumnPlan:
    """How the columns of a record become ours.

    Args:
        ours: our name -> the source's.
        relations: relation name -> the source's column.
        further: our name for a further column -> the source's.
    """

    ours: Mapping[str, str]
    relations: Mapping[str, str]
    further: Mapping[str, str]

    def apply(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The record under our names."""

        def under_our_names(columns: Mapping[str, str]) -> dict[str, Any]:
            return {name: values[source] for name, source in columns.items()}

        named = under_our_names(self.ours)
        if self.relations:
            related = under_our_names(self.relations)
            for name, ids in related.items():
                # an empty list is no relation
                related[name] = ids or None
            named["related"] = related
        named["further"] = under_our_names(self.further)
        return named

    def without(self, column: str) -> ColumnPlan:
        """The plan but for one of the source's columns."""

        def kept(columns: Mapping[str, str]) -> dict[str, str]:
            return {name: source for name, source in columns.items() if source != column}

        return ColumnPlan(
            ours=kept(self.ours),
            relations=kept(self.relations),
            further=kept(self.further),
        )


def plan_columns(names: tuple[str, ...], columns: Mapping[str, str]) -> ColumnPlan:
    """Which of a record's columns is which of ours: by the setting `columns`, then by :data:`SYNONYMS`.

    Upper and lower case do not matter.

    >>> plan_columns(("ASIN", "name", "colour", "pic"), {"image": "pic"}).ours
    {'id': 'ASIN', 'title': 'name', 'image': 'pic'}
    """
    configured = {name: source for name, source in columns.items() if source in names}
    free: dict[str, str] = {}
    # of names that differ in upper and lower case only, the first counts: it is written last
    for name in reversed(names):
        if name not in configured.values():
            free[name.strip().lower()] = name
    ours: dict[str, str] = {}
    for name, synonyms in SYNONYMS.items():
        # an empty name in the settings names no column
        found = configured.get(name) or _first_of(synonyms, free)
        if found is not None:
            ours[name] = found
    relations: dict[str, str] = {}
    if "related" not in ours:
        for column, relation in RELATIONS.items():
            if column in free:
                relations[relation] = free[column]
    used = set(configured.values())
    used.update(ours.values(), relations.values())
    further = {name: name for name in names if name not in used}
    # the settings may name further columns too
    for name, source in configured.items():
        if name not in SYNONYMS:
            further[name] = source
    renamed = {_free_name(name): source for name, source in further.items()}
    return ColumnPlan(ours, relations, renamed)


def _first_of(synonyms: tuple[str, ...], free: Mapping[str, str]) -> str | None:
    """The source's name of the first synonym that it has."""
    for synonym in synonyms:
        if synonym in free:
            return free[synonym]
    return None


def _free_name(name: str) -> str:
    """A further column that is called like one of ours keeps apart from it."""
    if name in SYNONYMS:
        return f"{name}_2"
    return name
