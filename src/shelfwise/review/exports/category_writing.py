"""How the decided labels of a product are written in the catalogue's own way of writing categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shelfwise.catalog.corrections import relabelled
from shelfwise.catalog.labels import Mode, begins_another, flatten
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import read_id
from shelfwise.catalog.write_back.changed_columns import FileRecord
from shelfwise.config import CatalogSettings
from shelfwise.review.database.decision_rows import Labels
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.exports.new_categories import CategoryWriting, NewCategories
from shelfwise.review.exports.one_column import OneColumn
from shelfwise.review.exports.several_columns import several_columns


class CategoryWriter:
    """What the category columns of each product are to hold.

    Args:
        products: as they are in the file.
        wanted: by id, the labels that a product is to have; the others keep theirs.
        reading: how the file says things.
    """

    def __init__(
        self, products: ReviewProducts, wanted: Mapping[str, Labels], reading: FileReading
    ) -> None:
        self._products = products
        self._wanted = wanted
        self._reading = reading
        self._column = OneColumn(reading.signs, products.mode)
        self._writing: CategoryWriting = self._column
        if reading.category_columns is not None:
            self._writing = several_columns(reading.category_columns)
        self._paths = dict(
            zip(products.catalog.ids, products.catalog.column("categories"), strict=True)
        )
        self._seen: set[str] = set()
        self.has_changed = False

    def settings(self) -> CatalogSettings:
        """How what was written is to be read."""
        signs = self._column.signs
        if signs.escaped or signs.bare:
            # settings cannot say so: the reader finds it out again
            return self._products.settings
        # a sign that the file did not have separates only where it was needed
        signs = signs if self._column.uses_signs else self._reading.signs
        found = {"category_separator": signs.separator, "category_delimiter": signs.delimiter}
        return self._products.settings.model_copy(update=found)

    def look_at(self, record: FileRecord) -> Sequence[Any]:
        """Learn how the file writes categories, before anything is changed.

        Returns:
            The values of the record.
        """
        self._writing.look_at(record.values)
        return record.values

    def change(self, record: FileRecord) -> Sequence[Any]:
        """The categories of a product, written as its own are.

        Raises:
            CatalogError: its columns cannot hold them.
        """
        self._writing.look_at(record.values)
        new = self._new_categories(record)
        return record.values if new is None else self._writing.written(new, record.values)

    def _new_categories(self, record: FileRecord) -> NewCategories | None:
        """What a product is to have; None where it keeps its own."""
        name = self._name(record)
        # of several rows of one id the first counts, for the reader too
        if name not in self._wanted or name in self._seen:
            return None
        self._seen.add(name)
        old = self._paths[name]
        labels = set(self._wanted[name])
        if flatten(old, self._products.mode) == labels:
            return None
        self.has_changed = True
        paths = _as_paths(self._products, old, labels)
        return NewCategories(name, frozenset(labels), paths)

    def _name(self, record: FileRecord) -> str:
        """The product's id as the reader has it; empty where it has refused the record."""
        line_ids = self._reading.line_ids
        if line_ids is not None and is_missing(record.identity):
            return line_ids.of(record.line)
        try:
            return read_id(record.identity, self._reading.rules)
        except ValueError:
            return ""


def _as_paths(products: ReviewProducts, old: Any, labels: set[str]) -> list[list[str]]:
    """Paths with exactly these labels: those of the taxonomy where they fit, else as like the old ones."""
    mode: Mode = products.mode
    if old is None and mode == "flat":
        # the longest paths of the taxonomy that hold nothing but wanted names
        known = [list(products.path_of(name)) for name in sorted(labels)]
        fitting = [path for path in known if set(path) <= labels]
        longest = [path for path in fitting if not begins_another(path, fitting)]
        if flatten(longest, mode) == labels:
            return longest
    homes = {name: products.path_of(name) for name in labels}
    if mode == "flat":
        # every name of a path is a label: those who decided may have left one above it out
        homes = {n: path if labels.issuperset(path) else (n,) for n, path in homes.items()}
    return relabelled(old, labels, mode, homes)
