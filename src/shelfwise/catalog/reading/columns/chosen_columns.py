"""Columns that are a field by what they hold, where the usual names do not tell or mislead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import normal_name, plain_names, plan_columns
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS, TAGS
from shelfwise.catalog.reading.columns.described_columns import (
    are_names,
    category_beside_tags,
    described_column,
    described_columns,
    says_one_type,
)
from shelfwise.catalog.reading.columns.level_columns import find_level_columns
from shelfwise.catalog.reading.columns.missing_ids import fuller_id_column, is_index
from shelfwise.catalog.reading.columns.nested_prices import find_nested_price
from shelfwise.catalog.reading.columns.rival_columns import rivals_of
from shelfwise.catalog.reading.columns.value_kinds import (
    are_addresses,
    are_codes,
    are_short,
    are_words,
)
from shelfwise.catalog.reading.columns.variant_ids import (
    told_variants,
    variant_id_column,
)
from shelfwise.catalog.reading.columns.whole_paths import column_of_written_paths
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.config import CatalogSettings

_MIN_KNOWN = 2
"""Fields from which on the names of columns are surely names."""

_PRODUCT = "product"
"""What a column of titles is called, or one of codes."""

_ONE_OF_SEVERAL = frozenset({"title", "price"})
"""Fields of which another column is told; other categories are told by themselves."""

_SOME_UNTITLED = 0.1
"""Share of the rows from which on it is no chance that they have no title."""

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
    columns = _Columns(names, settings, sample, evidence)
    columns.take_fuller_id()
    columns.replace_empty_ones()
    columns.replace_one_type()
    columns.take_title_of_words()
    columns.take_product_codes()
    columns.take_categories_beside_tags()
    columns.take_described_ones()
    columns.take_written_paths()
    columns.take_short_descriptions()
    columns.take_ids_of_variants()
    columns.take_nested_price()
    columns.tell_missing_title()
    return columns.chosen


class _Columns:
    """The columns of a file, of which one after the other is chosen."""

    def __init__(
        self, names: Sequence[str], settings: CatalogSettings, sample: Sample, evidence: list[str]
    ) -> None:
        self.chosen: dict[str, str] = {}
        self._names = names
        self._told = settings.columns
        self._sample = sample
        self._evidence = evidence
        self._usual = plan_columns(tuple(names), settings.columns).ours

    def take_fuller_id(self) -> None:
        """An id that every row has, where the usual one is empty in many."""
        usual = self._usual.get("id")
        if usual is None or "id" in self._told:
            return
        fuller = fuller_id_column(self._names, usual, self._sample)
        if fuller is not None:
            self._choose("id", fuller, f"is taken, as {usual} is empty in many rows")
            return
        rivals = rivals_of("id", self._names, {usual})
        own = next((name for name in rivals if self._has_own_ids(name)), None)
        if own is not None and are_addresses(self._sample(usual)):
            self._choose("id", own, f"is taken, as {usual} holds addresses")

    def _has_own_ids(self, name: str) -> bool:
        """Whether a column has in nearly every row an id of its own, and no address; some are no products."""
        values = self._sample(name)
        texts = [str(value).strip() for value in values if not is_missing(value)]
        is_own = len(set(texts)) == len(texts) > (1 - _SOME_UNTITLED) * len(values)
        return is_own and not is_index(name) and not are_addresses(texts)

    def replace_empty_ones(self) -> None:
        """Columns with values, where the usual ones of their fields have none."""
        for field, column in self._usual.items():
            # an id may be missing, and is looked for above
            if field == "id" or field in self._told or not self._is_empty(column):
                continue
            rivals = rivals_of(field, self._names, self._used)
            other = next((name for name in rivals if not self._is_empty(name)), None)
            if other is not None:
                self._choose(field, other, f"is taken, as {column} is empty")

    def replace_one_type(self) -> None:
        """Another column of categories, where the usual one has one type for all products."""
        usual = self._column("categories")
        if usual is None or "categories" in self._told:
            return
        other = described_column("categories", self._names, self._used, self._sample)
        if other is not None and says_one_type(usual, self._sample(usual)):
            self._choose("categories", other, f"is taken, as {usual} has one value in all rows")

    def take_title_of_words(self) -> None:
        """A column of words, where the usual title has codes, as ``Name`` has in NetSuite."""
        usual = self._column("title")
        if usual is None or "title" in self._told or not are_codes(self._sample(usual)):
            return
        rivals = rivals_of("title", self._names, self._used)
        other = next((name for name in rivals if are_words(self._sample(name))), None)
        if other is not None:
            self._choose("title", other, f"is taken, as {usual} holds codes")

    def take_product_codes(self) -> None:
        """A column ``Product`` with a code in each row, where nothing else is an id (SAP)."""
        title = self._usual.get("title")
        if title is None or self._column("id") or not {"id", "title"}.isdisjoint(self._told):
            return
        is_one = normal_name(title) == _PRODUCT and self._has_own_ids(title)
        if not is_one or not are_codes(self._sample(title)):
            return
        if described_column("id", self._names, self._used, self._sample) is None:
            self._choose("id", title, "is taken, as it holds codes, and no column is called an id")
            self._usual = plan_columns(tuple(self._names), {**self._told, "id": title}).ours

    def take_categories_beside_tags(self) -> None:
        """A column that says categories by a word in its name, where the usual one says tags."""
        usual = self._column("categories")
        if usual is None or "categories" in self._told or normal_name(usual) not in TAGS:
            return
        other = category_beside_tags(self._names, self._used, self._sample)
        if other is not None and not self._has_levels("categories"):
            self._choose("categories", other, f"is taken, as {usual} holds tags")

    def take_described_ones(self) -> None:
        """Columns with a word of the field in their names, where no name is usual."""
        found: dict[str, list[str]] = {}
        levels = find_level_columns(self._names)
        of_categories = levels.names if levels else ()
        for field in SYNONYMS:
            column = self._column(field)
            # one that only counts the rows, or has no category in any, is no name
            says_nothing = {"id": is_index, "categories": self._is_empty}.get(field)
            is_named = column is not None and not (says_nothing and says_nothing(column))
            if is_named or field in self._told or self._has_levels(field):
                continue
            used = {*self._used, *(one for one, *_ in found.values()), *of_categories}
            described = described_columns(field, self._names, used, self._sample)
            if described:
                found[field] = described
        # one word alone may as well stand in a record, where a table has no header
        if len({*self._usual, *self.chosen, *found}) < _MIN_KNOWN:
            return
        for field, (column, *others) in found.items():
            beside = f", and not {others[0]}" if others and field in _ONE_OF_SEVERAL else ""
            self._choose(
                field, column, f"is taken, by a word in its name and what it holds{beside}"
            )

    def take_written_paths(self) -> None:
        """A column with paths such as ``Home > Mugs``, where no name says that it has the categories."""
        is_known = self._column("categories") or self._has_levels("categories")
        if is_known or "categories" in self._told or self._column("title") is None:
            return
        found = column_of_written_paths(self._names, self._used, self._sample)
        if found is not None:
            self._choose("categories", found, "is taken, as it holds paths")

    def _has_levels(self, field: str) -> bool:
        """Whether several columns make up the categories."""
        return field == "categories" and find_level_columns(self._names) is not None

    def take_short_descriptions(self) -> None:
        """A column of descriptions that are names, where there is no title, as in systems of accounts."""
        usual = self._column("description")
        is_told = not {"title", "description"}.isdisjoint(self._told)
        if usual is None or self._column("title") or is_told:
            return
        further = described_column("description", self._names, self._used, self._sample)
        rivals = rivals_of("description", self._names, self._used)
        has_names = are_names(self._sample(usual))
        short = [n for n in rivals if are_names(self._sample(n)) and are_short(self._sample(n))]
        if short and not are_short(self._sample(usual)):
            self._choose("title", short[0], f"is taken, as {usual} has longer texts")
        elif has_names and further is not None:
            self._choose(
                "title", usual, f"is taken, as its texts are short, and {further} has longer ones"
            )
            self.chosen["description"] = further
        # a text alone, or beside its labels, is what its owner calls it
        elif has_names and self._is_of_goods() and are_short(self._sample(usual)):
            self.chosen.pop("description", None)
            why = "is taken, as its texts are short, and no column is a title"
            self._choose("title", usual, why)

    def tell_missing_title(self) -> None:
        """Products without a title, though their columns are those of goods, which have one."""
        has_text = self._column("description") is not None
        if self._column("title") is None and (self._is_of_goods() or not has_text):
            self._evidence.append(
                "title: no column is called like one, so the products have none; to take one, write under "
                '[catalog]: columns = { title = "NAME" }'
            )

    def _is_of_goods(self) -> bool:
        """Whether the columns are those of a system of goods, which have a price, a brand or levels."""
        codes = normal_name(self._column("id") or "") == _PRODUCT
        known = self._column("price") or self._column("brand") or codes
        return bool(known) or self._has_levels("categories")

    def take_ids_of_variants(self) -> None:
        """What rows without a title repeat from the row above, where they have ids of their own."""
        title, usual = self._column("title"), self._column("id")
        if title is None or usual is None or "id" in self._told or self._is_repeated(usual):
            return
        found = variant_id_column(self._unused, title, self._sample)
        if found is None:
            told = told_variants(usual, title, self._unused, self._sample)
            if told is not None:
                self._evidence.append(told)
            self._tell_untitled(title)
        else:
            why = f"is taken, and not {usual}: rows without a title repeat it from the row above"
            self._choose("id", found, why)

    def _tell_untitled(self, title: str) -> None:
        """Rows without a title, also in a language, below rows with one may be options of these."""
        untitled = [is_missing(value) for value in self._sample(title)]
        apart = any(normal_name(title) in plain_names(name)[1:] for name in self._unused)
        if apart or not untitled or untitled[0] or sum(untitled) < _SOME_UNTITLED * len(untitled):
            return
        self._evidence.append(
            f"title: {sum(untitled):,} of the first {len(untitled):,} rows have none; if they are variants "
            "of the product above, leave them out of the file"
        )

    def _is_repeated(self, column: str) -> bool:
        """Whether ids stand in several rows, as those of products with variants do."""
        ids = [str(value) for value in self._sample(column) if not is_missing(value)]
        return len(set(ids)) < len(ids)

    def take_nested_price(self) -> None:
        """A price inside objects, where there is no other."""
        price = self._column("price")
        if "price" in self._told or (price is not None and not self._is_empty(price)):
            return
        nested = find_nested_price(self._names, self._sample)
        if nested is not None:
            self.chosen["price"] = nested
            self._evidence.append(
                f"price: it is inside the objects of {nested}; of several the lowest is taken"
            )

    @property
    def _used(self) -> set[str]:
        """Columns that are a field by now."""
        return {*self._usual.values(), *self.chosen.values()}

    @property
    def _unused(self) -> list[str]:
        """Columns that are no field yet, in the order of the file."""
        used = self._used
        return [name for name in self._names if name not in used]

    def _column(self, field: str) -> str | None:
        return self.chosen.get(field, self._usual.get(field))

    def _choose(self, field: str, column: str, why: str) -> None:
        self.chosen[field] = column
        self._evidence.append(f"{field}: {column} {why}")

    def _is_empty(self, column: str) -> bool:
        return all(map(is_missing, self._sample(column)))
