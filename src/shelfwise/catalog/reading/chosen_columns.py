"""Columns that are a field by what they hold, where the usual names do not tell or mislead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shelfwise.catalog.reading.column_mapping import plan_columns
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.missing_ids import fuller_id_column
from shelfwise.catalog.reading.nested_prices import find_nested_price
from shelfwise.catalog.reading.rival_columns import rivals_of
from shelfwise.config import CatalogSettings

Sample = Callable[[str], Sequence[Any]]
"""The first values of a column, given its name."""


def chosen_columns(
    names: tuple[str, ...], settings: CatalogSettings, sample: Sample, evidence: list[str]
) -> dict[str, str]:
    """Our fields -> the file's columns, of fields whose usual column is not the one.

    Args:
        names: all columns of the file.
        settings: columns that they name are taken as they are.
        evidence: gets a sentence for each.
    """
    usual = plan_columns(names, settings.columns).ours
    chosen: dict[str, str] = {}
    if "id" in usual and "id" not in settings.columns:
        fuller = fuller_id_column(names, usual["id"], sample)
        if fuller is not None:
            chosen["id"] = fuller
            evidence.append(f"id: {fuller} is taken, as {usual['id']} is empty in many rows")
    used = {*usual.values(), *chosen.values()}
    for ours, column in usual.items():
        # an id may be missing, and is looked for above
        if ours == "id" or ours in settings.columns or not _is_empty(sample(column)):
            continue
        others = [name for name in rivals_of(ours, names, used) if not _is_empty(sample(name))]
        if others:
            chosen[ours] = others[0]
            used.add(others[0])
            evidence.append(f"{ours}: {others[0]} is taken, as {column} is empty")
    price = chosen.get("price", usual.get("price"))
    has_price = price is not None and not _is_empty(sample(price))
    if has_price or "price" in settings.columns:
        return chosen
    nested = find_nested_price(names, sample)
    if nested is not None:
        chosen["price"] = nested
        evidence.append(
            f"price: it is inside the objects of {nested}; of several the lowest is taken"
        )
    return chosen


def _is_empty(values: Sequence[Any]) -> bool:
    return all(map(is_missing, values))
