"""Detects how one file says things: what separates categories, how prices are written, which column is what.

Looked at is the first block of the file, some megabytes. What is found is told to the user and kept with
the model.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa

from shelfwise.catalog.reading.arrow import Column, python_values
from shelfwise.catalog.reading.byte_stream import RecordError
from shelfwise.catalog.reading.categories.category_columns import (
    CategoryColumns,
    column_text,
    find_indicator_columns,
    with_written_paths,
)
from shelfwise.catalog.reading.categories.category_reading import (
    category_signs,
    category_texts,
    configured_signs,
)
from shelfwise.catalog.reading.categories.told_categories import told_categories
from shelfwise.catalog.reading.categories.told_names import told_names
from shelfwise.catalog.reading.columns.beside_columns import with_labels_beside
from shelfwise.catalog.reading.columns.chosen_columns import Sample, chosen_columns
from shelfwise.catalog.reading.columns.column_languages import told_languages
from shelfwise.catalog.reading.columns.column_mapping import ColumnPlan, plan_columns
from shelfwise.catalog.reading.columns.level_columns import find_level_columns, told_left_level
from shelfwise.catalog.reading.columns.missing_ids import LineIds, find_line_ids
from shelfwise.catalog.reading.columns.nested_categories import told_nested_categories
from shelfwise.catalog.reading.columns.nested_prices import price_texts
from shelfwise.catalog.reading.columns.rival_columns import category_rivals, could_be_too
from shelfwise.catalog.reading.columns.told_ids import check_not_across, told_ids
from shelfwise.catalog.reading.columns.told_prices import decimal_sign
from shelfwise.catalog.reading.columns.whole_paths import MAX_NAMES_SEARCHED
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.file_format import OpenedFile, ParsedBlock
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import WHOLE_DECIMAL
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

MAX_SAMPLE = 5000
"""Values of a column that are looked at."""

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
    parts = source.form.take_apart(first)
    names = dict.fromkeys(parts.columns)
    for _, values in parts.others:
        if not isinstance(values, RecordError):
            names.update(dict.fromkeys(values))
    if strict:
        _check_columns(tuple(names), settings)
    evidence = [*source.notes, *source.form.told()]
    sample = lru_cache(maxsize=None)(partial(_sample, parts))
    # which column is which: what the settings name goes before what is found
    chosen = chosen_columns(tuple(names), settings, sample, evidence)
    named = {**chosen, **settings.columns}
    source = replace(source, form=source.form.with_columns(named))
    columns = dict(plan_columns(tuple(names), named).ours)
    evidence.extend(told_languages(tuple(names), columns, settings.columns))
    line_ids = None
    if not source.form.gives_ids:
        line_ids = _line_ids(parts, tuple(names), named, evidence)
    categories = columns.get("categories", "")
    # how values are written is found in the first ones and in some from further down
    whole, items = category_texts([*sample(categories), *_spread(parts, categories)])
    signs = category_signs(whole, items, categories, settings, evidence)
    ids, titles = (sample(columns.get(field, "")) for field in ("id", "title"))
    # a table that lies on its side has names where ids are expected
    check_not_across(columns, ids)
    evidence.extend(told_ids(ids))
    evidence.extend(told_categories(categories, sample(categories), ids, titles, signs))
    price = columns.get("price", "")
    prices = [*sample(price), *_spread(parts, price)]
    decimal = decimal_sign(list(price_texts(prices)), evidence)
    combined = _category_columns(parts, sample, tuple(names), columns, settings, evidence)
    if combined is None:
        evidence.extend(told_nested_categories(tuple(names), columns, sample))
    float_ids = _are_whole_decimals("id", ids, evidence)
    float_labels = _are_whole_decimals(categories, sample(categories), evidence)
    reading = FileReading(
        columns=columns,
        names=tuple(names),
        signs=signs,
        decimal=decimal,
        evidence=tuple(evidence),
        category_columns=combined,
        float_ids=float_ids,
        float_labels=float_labels,
        chosen=chosen,
        line_ids=line_ids,
        rivals=() if combined else category_rivals(tuple(names), columns, settings, sample),
    )
    return reading, source


def _line_ids(
    parts: ParsedBlock, names: tuple[str, ...], columns: Mapping[str, str], evidence: list[str]
) -> LineIds | None:
    """How products without an id are called."""

    @lru_cache(maxsize=1024)
    def plan_of(own_names: tuple[str, ...]) -> ColumnPlan:
        return plan_columns(own_names, columns)

    plan = plan_columns(names, columns)
    found = find_line_ids(parts, plan, plan_of)
    if found is not None:
        evidence.append(
            f"id: {plan.ours['id']} is empty in many rows; these products are called after their line, "
            f"such as {found.of(12)!r}"
        )
    return found


def _category_columns(
    parts: ParsedBlock,
    sample: Sample,
    names: tuple[str, ...],
    columns: Mapping[str, str],
    settings: CatalogSettings,
    evidence: list[str],
) -> CategoryColumns | None:
    """Several columns that make up the categories.

    None where one column has them, or the settings name one.
    """
    if "categories" in settings.columns:
        return None
    found = find_level_columns(names)
    if found is not None:
        values = {name: [*sample(name), *_spread(parts, name)] for name in found.names}
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
        return None
    # records with keys of their own would be looked through once for each key
    if len(names) > MAX_NAMES_SEARCHED:
        evidence.append(
            f"categories: none found; {len(names):,} columns are too many to look for columns of 0 and 1"
        )
        return None
    used = set(columns.values())
    found = find_indicator_columns(
        {name: [*sample(name), *_spread(parts, name)] for name in names if name not in used}
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
    rows = Counter(zip(*(map(column_text, columns[name]) for name in found.names), strict=False))
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


def _sample(parts: ParsedBlock, name: str) -> list[Any]:
    """The first values of a column as Python objects."""
    column: Column = parts.columns.get(name, [])
    values = python_values(column[:MAX_SAMPLE])
    # records that are read one by one, such as rows with line breaks, count as much as the others
    for _, record in parts.others[: MAX_SAMPLE - len(values)]:
        if isinstance(record, Mapping):
            values.append(record.get(name))
    return _from_json(values)


def _spread(parts: ParsedBlock, name: str) -> list[Any]:
    """As many values of a column from all over the block behind its first ones: catalogues may be sorted."""
    column: Column = parts.columns.get(name, [])
    step = max(1, len(column) // MAX_SAMPLE)
    places = range(MAX_SAMPLE, len(column), step)
    listed = isinstance(column, list)
    values = [column[i] for i in places] if listed else column.take(pa.array(places, pa.int64()))
    # records with columns of their own count too, behind those that are columns
    others = parts.others[max(0, MAX_SAMPLE - len(column)) :]
    records = [one for _, one in others[:: max(1, len(others) // MAX_SAMPLE)]]
    found = [one.get(name) for one in records if isinstance(one, Mapping)]
    return _from_json([*python_values(values), *found])


def _from_json(values: list[Any]) -> list[Any]:
    """The values; JSON lines keep their categories as bytes until they are read."""
    # most columns hold none, and asking is fast
    if bytes not in set(map(type, values)):
        return values
    return [_decoded(value) if isinstance(value, bytes) else value for value in values]


def _decoded(value: bytes) -> Any:
    """What JSON says; None of what is none."""
    with suppress(ValueError):
        # what the fast decoder accepts, it reads alike
        return msgspec.json.decode(value)
    try:
        return json.loads(value)
    except ValueError:
        return None
