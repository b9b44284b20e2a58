"""Whole columns at once: what is plainly in order stays, and only the values in doubt are read one by one.

In doubt is every value that its function in :mod:`~shelfwise.catalog.reading.value_parsing` might change or
refuse. Both ways therefore give the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import (
    Column,
    as_strings,
    is_true,
    is_unprintable,
    may_be_untidy,
    may_need_cleaning,
    not_null,
    python_values,
    with_nulls,
)
from shelfwise.catalog.reading.categories.category_paths import (
    json_paths,
    json_reader,
    written_paths,
)
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.catalog.reading.categories.written_lists import is_written_list
from shelfwise.catalog.reading.columns.column_mapping import ColumnPlan
from shelfwise.catalog.reading.columns.combined_columns import categories_of, related_of
from shelfwise.catalog.reading.images.image_paths import read_image
from shelfwise.catalog.reading.missing import FALSE, is_missing
from shelfwise.catalog.reading.row_kinds import TOTALS
from shelfwise.catalog.reading.value_parsing import (
    Rules,
    read_description,
    read_further,
    read_id,
    read_paths,
    read_price,
    read_related,
    read_text,
)
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.image_sources import EMBEDDED, IMAGE_BYTES, image_columns
from shelfwise.core.types import Bools

_PLAIN_PATH = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
_PLAIN_NUMBER = r"^[0-9]{1,15}(?:\.[0-9]{1,15})?$"
_PLAIN_INTEGER = r"^[0-9]{1,15}$"
_PLAIN_WORD = "(?:(?:[ÀÁÄ-ÖØ-öø-ÿ]?[!-%'-;=-~])+[ÀÁÄ-ÖØ-öø-ÿ]?|[ÀÁÄ-ÖØ-öø-ÿ]|&)"
# words with single spaces between them.
# Accented letters stand alone, so that no pattern of mojibake fits, and ampersands stand alone, so that they
# begin no entity
_PLAIN_TEXT = f"^{_PLAIN_WORD}(?: {_PLAIN_WORD})*$"

_FALSE = pa.array(sorted(FALSE))
_TOTALS = pa.array(sorted(TOTALS))
_NUMBER_TYPES = {int, float, NoneType}

ColumnCheck = Callable[[Column], pa.Array]


@dataclass(frozen=True)
class CheckedColumns:
    """N records, checked.

    Args:
        table: the columns of :data:`~shelfwise.core.catalog.SCHEMA` and the further ones, N rows; void where
            `failed`.
        failed: (N,); records with a value that cannot be used.
        notes: of the others, what was set aside -> how many.
    """

    table: pa.Table
    failed: Bools
    notes: Counter[str]


def check_columns(
    plan: ColumnPlan, columns: Mapping[str, Column], count: int, rules: Rules
) -> CheckedColumns:
    """Check `count` records, given as the columns of their source."""
    # notes are kept apart: those of records that fail do not count
    own_rules = rules.with_own_notes()
    checks = _ColumnChecks(own_rules, np.zeros(count, dtype=bool))
    check_of: dict[str, ColumnCheck] = {
        "id": checks.ids,
        "title": checks.texts,
        "description": partial(checks.texts, read=read_description),
        "image": checks.images,
        "categories": checks.paths,
        "price": checks.prices,
        "brand": partial(checks.texts, read=_read_short_text),
        "related": checks.related,
    }
    ours = {name: columns[source] for name, source in plan.ours.items()}
    if plan.relations:
        ours["related"] = related_of(plan.relations, columns)
    if rules.category_columns is not None:
        ours["categories"] = categories_of(rules.category_columns, columns, count)
    table: dict[str, pa.Array] = {}
    for column in SCHEMA:
        name = column.name
        if name in ours:
            check = check_of[name]
            table[name] = check(ours[name])
        else:
            table[name] = pa.nulls(count, column.type)
    if "id" not in ours:
        checks.failed[:] = True
    row_kinds = () if rules.keeps_parts else plan.row_kinds
    for kind in row_kinds:
        # why these fail is said when each is read by itself
        values, _ = as_strings(columns[kind.column])
        checks.failed |= is_true(pc.match_substring_regex(values, f"^(?:{kind.pattern})$"))
    if checks.embedded is not None:
        table[IMAGE_BYTES] = checks.embedded
    for name, source in plan.further.items():
        table[name] = checks.further(columns[source])
    return CheckedColumns(pa.table(table), checks.failed, checks.total_notes())


def _read_short_text(value: Any) -> str | None:
    """As :func:`read_text`; what many products have in common is remembered."""
    if isinstance(value, str) and not is_written_list(value) and not is_missing(value):
        return read_name(value) or None
    return read_text(value)


@dataclass
class _ColumnChecks:
    """Reads columns, and keeps account of the records that fail and of what is noted about the others."""

    rules: Rules
    failed: Bools
    noted: list[tuple[int, Counter[str]]] = field(default_factory=list)
    embedded: pa.Array | None = None

    def total_notes(self) -> Counter[str]:
        """The notes about records that did not fail."""
        total: Counter[str] = Counter()
        for row, notes in self.noted:
            if not self.failed[row]:
                total += notes
        return total

    def ids(self, values: Column) -> pa.Array:
        array, doubt = as_strings(values)
        doubt |= may_need_cleaning(array, is_unprintable)
        # an id must not be missing
        doubt |= ~not_null(array)
        if self.rules.float_ids:
            doubt |= not_null(array)
        # Excel's scientific notation
        doubt |= is_true(pc.match_substring(array, "e+", ignore_case=True))
        doubt |= is_true(pc.is_in(pc.utf8_lower(array), _TOTALS))
        # ="00042", by which Excel keeps zeros
        doubt |= is_true(pc.starts_with(array, "=")) | is_true(pc.starts_with(array, "["))
        return self._reread(array, doubt, values, partial(read_id, rules=self.rules))

    def texts(self, values: Column, read: Callable[[Any], str | None] = read_text) -> pa.Array:
        array, doubt = as_strings(values)
        # the pattern is slow: only texts with letters that may be untidy are held against it
        rows = np.flatnonzero(may_need_cleaning(array, may_be_untidy))
        suspects = array.take(pa.array(rows))
        plain = is_true(pc.match_substring_regex(suspects, _PLAIN_TEXT))
        doubt[rows[~plain]] = True
        if read is read_description:
            doubt |= is_true(pc.is_in(array, _FALSE))
        # a list that a table had to hold as text
        doubt |= is_true(pc.and_(pc.starts_with(array, "["), pc.ends_with(array, "]")))
        return self._reread(array, doubt, values, read)

    def images(self, values: Column) -> pa.Array:
        array, doubt = as_strings(values)
        plain = is_true(pc.match_substring_regex(array, _PLAIN_PATH))
        doubt |= not_null(array) & ~plain
        # place of a product -> its embedded image
        contents: dict[int, bytes] = {}
        places = iter(np.flatnonzero(doubt).tolist())

        def read(value: Any) -> str | None:
            place = next(places)
            image = read_image(value, self.rules)
            if not isinstance(image, bytes):
                return image
            contents[place] = image
            return EMBEDDED

        paths = self._reread(array, doubt, values, read)
        # most catalogues have none, and need no further column
        if contents:
            embedded = [contents.get(place) for place in range(len(values))]
            self.embedded = image_columns(embedded)[IMAGE_BYTES]
        return paths

    def prices(self, values: Column) -> pa.Array:
        read = partial(read_price, rules=self.rules)
        if isinstance(values, list) and set(map(type, values)) <= _NUMBER_TYPES:
            array, doubt = _numbers(values)
            return self._reread(array, doubt, values, read)
        texts, doubt = as_strings(values)
        # unless the column has a dot before its decimals, 1.299 may be 1299
        pattern = _PLAIN_NUMBER if self.rules.decimal == "." else _PLAIN_INTEGER
        plain = is_true(pc.match_substring_regex(texts, pattern))
        doubt |= not_null(texts) & ~plain
        # Arrow casts all of a column or nothing
        array = pc.cast(with_nulls(texts, ~plain), pa.float64())
        return self._reread(array, doubt, values, read)

    def paths(self, values: Column) -> pa.Array:
        if not isinstance(values, list) and pa.types.is_binary(values.type):
            array, doubt = json_paths(values, self.rules)
            return self._reread(array, doubt, values, json_reader(self.rules))
        array, doubt = written_paths(values, self.rules)
        return self._reread(array, doubt, values, partial(read_paths, rules=self.rules))

    def related(self, values: Column) -> pa.Array:
        found = python_values(values)
        # there is no fast way for these
        doubt = np.array([value is not None for value in found], dtype=bool)
        none = pa.nulls(len(found), SCHEMA.field("related").type)
        return self._reread(none, doubt, found, _read_related_pairs)

    def further(self, values: Column) -> pa.Array:
        array, doubt = as_strings(values)
        return self._reread(array, doubt | may_need_cleaning(array), values, read_further)

    def _reread(
        self,
        array: pa.Array,
        doubt: Bools,
        values: Column,
        read: Callable[[Any], Any],
    ) -> pa.Array:
        """`array` with the rows in doubt read one by one from `values`."""
        rows = np.flatnonzero(doubt)
        if not len(rows):
            return array
        if isinstance(values, list):
            found = [values[i] for i in rows]
        else:
            found = values.take(pa.array(rows)).to_pylist()
        results: list[Any] = []
        notes = self.rules.notes
        for row, value in zip(rows.tolist(), found, strict=True):
            try:
                results.append(read(value))
            except (ValueError, RecursionError):
                # why is found when the record is read by itself
                results.append(None)
                self.failed[row] = True
            if notes:
                self.noted.append((row, notes.copy()))
                notes.clear()
        return _replaced(array, doubt, pa.array(results, array.type))


def _numbers(values: list[Any]) -> tuple[pa.Array, Bools]:
    """Numbers and None as floats, and which of them may be no prices."""
    count = len(values)
    try:
        array = pa.array(values, pa.float64())
    except pa.ArrowInvalid:  # an integer that no float holds
        return pa.nulls(count, pa.float64()), np.ones(count, dtype=bool)
    usable = is_true(pc.greater_equal(array, 0))
    usable &= is_true(pc.is_finite(array))
    return array, not_null(array) & ~usable


def _replaced(array: pa.Array, where: Bools, values: pa.Array) -> pa.Array:
    """`array` with the `values`, one after the other, in the places `where`."""
    if not pa.types.is_nested(array.type):
        return pc.replace_with_mask(array, pa.array(where), values)
    # Arrow replaces no lists: each row is taken from the array with the values behind it
    count = len(array)
    source = np.arange(count)
    source[where] = np.arange(count, count + len(values))
    return pa.concat_arrays([array, values]).take(pa.array(source))


def _read_related_pairs(value: Any) -> list[tuple[str, list[str]]] | None:
    """As :func:`read_related`, with a list of pairs, which Arrow takes for a map."""
    related = read_related(value)
    if related:
        return list(related.items())
    return None
