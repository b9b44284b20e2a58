"""How one file is read: which column is which field, what separates categories, how prices are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shelfwise.catalog.reading.categories.category_columns import CategoryColumns
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.repeated_products import RepeatedIds
from shelfwise.catalog.reading.columns.missing_ids import LineIds
from shelfwise.catalog.reading.images.image_urls import FetchedImages, UrlsThemselves
from shelfwise.catalog.reading.price_parsing import DecimalSign
from shelfwise.catalog.reading.value_parsing import Rules
from shelfwise.config import CatalogSettings


@dataclass(frozen=True)
class FileReading:
    """How a file is read.

    Args:
        columns: our field -> the file's column.
        names: all columns of the file, in their order.
        signs: what separates levels and paths of categories.
        decimal: what stands before the decimals of prices.
        chosen: of these, the columns that were chosen by what they hold, and not by their names.
        category_columns: the columns that make up the categories, where they are several.
        float_ids: whether ids are whole numbers that were written as decimals.
        float_labels: whether categories are.
        line_ids: how products without an id are called; None where they are refused.
        urls: what stands for images that are named by URLs; None where nothing does.
        evidence: one sentence a decision, for people.
        rivals: one sentence a column that could be the categories too, for people.
        repeated_ids: whether rows that repeat a product add their categories to it; None where the file's
            beginning has no such rows.
    """

    columns: Mapping[str, str]
    names: tuple[str, ...]
    signs: CategorySigns
    decimal: DecimalSign | None
    evidence: tuple[str, ...]
    category_columns: CategoryColumns | None = None
    float_ids: bool = False
    float_labels: bool = False
    urls: FetchedImages | UrlsThemselves | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    line_ids: LineIds | None = None
    rivals: tuple[str, ...] = ()
    repeated_ids: RepeatedIds | None = None

    @classmethod
    def nothing(cls) -> FileReading:
        """The reading of a file in which there is nothing to look at."""
        return cls({}, (), CategorySigns(" > ", "|"), None, ())

    @property
    def rules(self) -> Rules:
        """The rules for values that follow."""
        return Rules(
            signs=self.signs,
            decimal=self.decimal,
            category_columns=self.category_columns,
            float_ids=self.float_ids,
            float_labels=self.float_labels,
            urls=self.urls,
        )

    def settled(self, settings: CatalogSettings) -> CatalogSettings:
        """`settings` with what was found written down, so that a later file is read the same way."""
        found = {
            "category_separator": self.signs.separator,
            "category_delimiter": self.signs.delimiter,
        }
        # the encoding is a matter of each file
        return settings.model_copy(update={**found, "encoding": None})
