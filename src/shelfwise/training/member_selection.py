"""Which members suit a catalogue: the configured ones, reading only fields that its products have."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.config import Config, MemberSettings
from shelfwise.core.catalog import Catalog

LEAST = 0.05
"""Share of the products that must have a field for a member of several fields to read it."""


def adapt_to_catalog(config: Config, catalog: Catalog) -> Config:
    """`config` for this catalogue.

    A member of several fields ("title+description+image") goes on without those that hardly any product has. Of members
    that have come to be the same, the first stays, and takes the others' places in the systems that name its members and
    in ``decide_with``; members that were the same from the start are what the user wanted. A member without any field
    stays as it is: fitting says why it cannot be run.
    """
    members: dict[str, MemberSettings] = {}
    became: dict[str, str] = {}
    for name, member in config.members.items():
        fields = member.field.split("+")
        kept = [part for part in fields if len(fields) > 1 and _share(catalog, part) >= LEAST] or fields
        trimmed = member.model_copy(update={"field": "+".join(kept)})
        cut = {other for other, known in members.items() if known != config.members[other]}
        twin = next(
            (
                other
                for other in members
                if (trimmed != member or other in cut) and _same_member(members[other], trimmed)
            ),
            None,
        )
        became[name] = twin or name
        if twin is None:
            members[name] = trimmed
    systems = {
        name: system.model_copy(update={"members": tuple(dict.fromkeys(became[m] for m in system.members))})
        for name, system in config.systems.items()
    }
    deciding = became.get(config.decide_with, config.decide_with)
    return config.model_copy(update={"members": members, "systems": systems, "decide_with": deciding})


def _same_member(one: MemberSettings, other: MemberSettings) -> bool:
    """The same plug-in on the same field; `present` tells apart only members of several fields."""

    def settings(member: MemberSettings) -> dict[str, Any]:
        return {
            key: value for key, value in member.settings.items() if key != "present" or "+" in member.field
        }

    return one.modality == other.modality and one.field == other.field and settings(one) == settings(other)


def _share(catalog: Catalog, name: str) -> float:
    """The share of products that have something in the column `name`."""
    if name not in catalog or not len(catalog):
        return 0.0
    column = catalog.table.column(name)
    there = pc.is_valid(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        there = pc.and_kleene(there, pc.greater(pc.utf8_length(column), 0))
    elif pa.types.is_map(column.type):
        there = pc.and_kleene(there, pc.greater(pc.list_value_length(column.cast(_as_list(column.type))), 0))
    elif pa.types.is_list(column.type):
        there = pc.and_kleene(there, pc.greater(pc.list_value_length(column), 0))
    return float(pc.sum(pc.fill_null(there, False)).as_py() or 0) / len(catalog)


def _as_list(kind: pa.MapType) -> pa.ListType:
    return pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
