"""Detects how one file says things: what separates categories, how prices are written, which column is what.

Looked at is the first block of the file, some megabytes. What is found is told to the user and kept with
the model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import (
    CategoryColumns,
    column_texts,
    find_indicator_columns,
    with_written_paths,
)
from shelfwise.catalog.reading.categories.category_reading import (
    category_signs,
    category_texts,
    configured_signs,
)
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.repeated_products import (
    RepeatedIds,
    find_repeated_products,
)
from shelfwise.catalog.reading.categories.told_categories import told_categories
from shelfwise.catalog.reading.categories.told_names import told_names
from shelfwise.catalog.reading.columns.beside_columns import with_labels_beside
from shelfwise.catalog.reading.columns.chosen_columns import chosen_columns
from shelfwise.catalog.reading.columns.column_languages import told_languages
from shelfwise.catalog.reading.columns.column_mapping import ColumnPlan, plan_columns
from shelfwise.catalog.reading.columns.level_columns import (
    find_level_columns,
    told_left_level,
    told_other_levels,
)
from shelfwise.catalog.reading.columns.missing_ids import LineIds, find_line_ids
from shelfwise.catalog.reading.columns.nested_categories import told_nested_categories
from shelfwise.catalog.reading.columns.nested_prices import price_texts
from shelfwise.catalog.reading.columns.rival_columns import (
    category_rivals,
    could_be_too,
    told_property_types,
)
from shelfwise.catalog.reading.columns.told_ids import check_not_across, told_ids
from shelfwise.catalog.reading.columns.told_prices import check_named_price, decimal_sign
from shelfwise.catalog.reading.columns.whole_paths import MAX_NAMES_SEARCHED
from shelfwise.catalog.reading.detection.file_beginning import FileBeginning
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import WHOLE_DECIMAL
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_MAYBE_DECIMAL = re.compile(r"\d+(?:[.,]0{1,2})?")
"""A whole number, also as a decimal; with three zeros it may be thousands."""

_TOLD = {
    "levels": "levels of one path",
    "labels": "labels",
    "paths": "paths, one in each",
    "growing": "paths down to each level",
}


def detect_reading(
    source: OpenedFile, settings: CatalogSettings, strict: bool
) -> tuple[FileReading, OpenedFile]:
    """Look at the beginning of `source`.

    Args:
        strict: refuse settings that name columns which the file does not have.

    Returns:
        The reading, and the source with its first block put back.

    Raises:
        CatalogError: a column is missing, or categories can be read in two ways.
    """
    first = next(source.blocks, None)
    if first is None:
        empty = FileReading({}, (), configured_signs(settings, []), None, source.notes)
        return empty, source
    source = replace(source, blocks=chain([first], source.blocks))
    if first.fault is not None:
        return FileReading({}, (), configured_signs(settings, []), None, source.notes), source
    beginning = FileBeginning.of(source, source.form.take_apart(first), settings)
    if strict:
        _check_columns(beginning.names, settings)
        if "price" in settings.columns:
            price = settings.columns["price"]
            check_named_price(price, beginning.values(price))
    names, sample, evidence = beginning.names, beginning.sample, beginning.evidence
    # which column is which: what the settings name goes before what is found
    chosen = chosen_columns(names, settings, sample, evidence)
    named = {**chosen, **settings.columns}
    source = replace(source, form=source.form.with_columns(named))
    columns = dict(plan_columns(names, named).ours)
    evidence.extend(told_languages(names, columns, settings.columns))
    line_ids = None if source.form.gives_ids else _line_ids(beginning, named)
    signs = _signs(beginning, columns)
    decimal = decimal_sign(list(price_texts(beginning.values(columns.get("price", "")))), evidence)
    combined = _category_columns(beginning, columns, signs)
    if combined is None:
        evidence.extend(told_nested_categories(names, columns, sample))
        evidence.extend(told_property_types(names, columns, sample))
    categories = columns.get("categories", "")
    repeated_ids = _repeated_ids(beginning, columns, combined)
    float_ids = _are_whole_decimals("id", sample(columns.get("id", "")), evidence)
    float_labels = _are_whole_decimals(categories, sample(categories), evidence)
    reading = FileReading(
        columns=columns,
        names=names,
        signs=signs,
        decimal=decimal,
        evidence=tuple(evidence),
        category_columns=combined,
        float_ids=float_ids,
        float_labels=float_labels,
        chosen=chosen,
        line_ids=line_ids,
        rivals=() if combined else category_rivals(names, columns, settings, sample),
        repeated_ids=repeated_ids,
    )
    return reading, source


def _signs(beginning: FileBeginning, columns: Mapping[str, str]) -> CategorySigns:
    """What separates levels and paths; tells what is odd about ids and categories.

    Args:
        columns: our field -> the file's column.

    Raises:
        CatalogError: categories can be read in two ways, or the table lies on its side.
    """
    sample, evidence = beginning.sample, beginning.evidence
    categories = columns.get("categories", "")
    whole, items = category_texts(beginning.values(categories))
    signs = category_signs(whole, items, categories, beginning.settings, evidence)
    ids, titles = (sample(columns.get(field, "")) for field in ("id", "title"))
    # a table that lies on its side has names where ids are expected
    check_not_across(columns, ids)
    evidence.extend(told_ids(ids))
    evidence.extend(told_categories(categories, sample(categories), ids, titles, signs))
    return signs


def _repeated_ids(
    beginning: FileBeginning, columns: Mapping[str, str], combined: CategoryColumns | None
) -> RepeatedIds | None:
    """What the rows are that repeat an id; tells of them.

    Args:
        columns: our field -> the file's column.
        combined: the columns that make up the categories, where they are several.
    """
    setting = beginning.settings.repeated_ids
    ids = beginning.every(columns.get("id", ""))
    # mostly each id is there once, and then the other columns are not looked at
    if len(set(map(str, ids))) == len(ids):
        return "join" if setting == "join" else None
    texts = [beginning.every(columns.get(field, "")) for field in ("title", "description")]
    categories = _every_category(beginning, columns, combined)
    column = columns.get("categories", "categories")
    found, told = find_repeated_products(column, ids, texts, categories, setting)
    beginning.evidence.extend(told)
    return found


def _every_category(
    beginning: FileBeginning, columns: Mapping[str, str], combined: CategoryColumns | None
) -> list[Any]:
    """What the columns of categories hold in each row."""
    if combined is None:
        return beginning.every(columns.get("categories", ""))
    rows = zip(*(beginning.every(name) for name in combined.names), strict=True)
    return [None if all(map(is_missing, row)) else row for row in rows]


def _line_ids(beginning: FileBeginning, columns: Mapping[str, str]) -> LineIds | None:
    """How products without an id are called; `columns` are those that are named or chosen."""

    @lru_cache(maxsize=1024)
    def plan_of(own_names: tuple[str, ...]) -> ColumnPlan:
        return plan_columns(own_names, columns)

    plan = plan_columns(beginning.names, columns)
    found = find_line_ids(beginning.parts, plan, plan_of)
    if found is None:
        return None
    called = f"are called after their line, such as {found.of(12)!r}"
    if "id" in plan.ours:
        told = f"id: {plan.ours['id']} is empty in many rows; these products {called}"
    else:
        advice = 'to take a column, write under [catalog]: columns = { id = "NAME" }'
        told = f"id: no column is called like one, so the products {called}; {advice}"
    beginning.evidence.append(told)
    return found


def _category_columns(
    beginning: FileBeginning, columns: Mapping[str, str], signs: CategorySigns
) -> CategoryColumns | None:
    """Several columns that make up the categories; `signs` are those of the usual one.

    None where one column has them, or the settings name one.
    """
    names, sample, evidence = beginning.names, beginning.sample, beginning.evidence
    if "categories" in beginning.settings.columns:
        return None
    found = find_level_columns(names)
    if found is not None:
        values = {name: beginning.values(name) for name in found.names}
        found = with_labels_beside(with_written_paths(found, values), values, evidence)
        evidence.append(f"categories: {', '.join(found.names)} are the {_TOLD[found.kind]}")
        gaps = found.told_gaps(values)
        if gaps is not None:
            evidence.append(f"categories: {gaps}")
        evidence.extend(_told_names_of(found, values))
        left = told_left_level(names, found)
        if left is not None:
            evidence.append(left)
        other = columns.get("categories", found.names[0])
        if other not in found.names and not all(map(is_missing, sample(other))):
            evidence.append(f"categories: {could_be_too('categories', other)}")
        return found
    if "categories" in columns:
        above = told_other_levels(names, columns["categories"])
        # paths and lists have their levels already
        is_flat = all(isinstance(one, str) for one in sample(columns["categories"]) if one)
        if above is not None and is_flat and not signs.separator + signs.delimiter:
            evidence.append(above)
        return None
    # records with keys of their own would be looked through once for each key
    if len(names) > MAX_NAMES_SEARCHED:
        evidence.append(
            f"categories: none found; {len(names):,} columns are too many to look for columns of 0 and 1"
        )
        return None
    used = set(columns.values())
    found = find_indicator_columns(
        {name: beginning.values(name) for name in names if name not in used}
    )
    if found is not None:
        evidence.append(f"categories: {found.told_labels()}")
    return found


def _told_names_of(found: CategoryColumns, columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """What a user is told of the names that several columns hold.

    Args:
        columns: by name, the first values of each.
    """
    # most rows come again, and cutting them is slow
    rows = Counter(
        zip(*(map(tuple, map(column_texts, columns[name])) for name in found.names), strict=False)
    )
    counts: Counter[str] = Counter()
    last: dict[str, None] = {}
    for row, count in rows.items():
        paths = found.combine(dict(zip(found.names, row, strict=True))) or []
        counts.update(dict.fromkeys(chain.from_iterable(paths), count))
        last.update(dict.fromkeys(path[-1] for path in paths if path))
    return told_names("categories", counts, last)


def _are_whole_decimals(name: str, values: Sequence[Any], evidence: list[str]) -> bool:
    """Whether every value is a whole number written as a decimal, as pandas does beside a missing one."""
    texts = [value for value in values if isinstance(value, str) and not is_missing(value)]
    decimals = [text for text in texts if WHOLE_DECIMAL.fullmatch(text.strip())]
    # of some programs only a part of the numbers went through a float, ``1.0`` beside ``2``
    mixed = bool(decimals) and all(_MAYBE_DECIMAL.fullmatch(text.strip()) for text in texts)
    found = mixed or (bool(texts) and len(decimals) == len(texts))
    if found:
        evidence.append(f"{name}: whole numbers written as decimals, such as 1.0; read as 1")
    return found


def _check_columns(names: tuple[str, ...], settings: CatalogSettings) -> None:
    """Refuse settings that name a column which is not there."""
    for ours, column in settings.columns.items():
        if column not in names:
            listed = ", ".join(repr(name) for name in names)
            line = f'columns = {{ {ours} = "NAME" }}'
            raise CatalogError(
                f"there is no column {column!r} (setting catalog.columns.{ours}); the file has {listed}; "
                f"write under [catalog] one of these: {line}"
            )
