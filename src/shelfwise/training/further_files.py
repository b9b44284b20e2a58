"""Files that a training reads beside its catalogue: corrections, further products, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shelfwise.catalog.corrections import CorrectionReport, apply_corrections
from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.catalog.labels import Mode
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.written_lines import read_ids
from shelfwise.core.catalog import Catalog
from shelfwise.core.joined_catalogs import join_catalogs
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.similar_names import did_you_mean


@dataclass(frozen=True)
class FurtherFiles:
    """What a training reads beside its catalogue; all of it may be missing.

    Args:
        corrections: labels that people decided on.
        further: a catalogue of further training products, written like the first one.
        leave_out: ids of products that nothing is learnt from, as JSON Lines or CSV.
    """

    corrections: Path | None = None
    further: Path | None = None
    leave_out: Path | None = None

    def applied(
        self, reading: ReadResult, mode: Mode, context: Context
    ) -> tuple[dict[str, ReadResult], CorrectionReport | None]:
        """The readings "catalog" and "further", and what corrections changed.

        The reading "catalog" holds the products of both catalogues, less those that are left out.

        Args:
            reading: of the training catalogue.
            mode: how category paths become labels.

        Raises:
            CatalogError: a file cannot be read, or names a product that is not there.
        """
        readings = {"catalog": reading}
        catalog = reading.catalog
        if self.further is not None:
            # its categories are written the same way
            readings["further"] = read_catalog(self.further, reading.settings, context)
            catalog = join_catalogs(catalog, readings["further"].catalog)
        # left out before anything is corrected: a decision about such a product is refused, not lost
        if self.leave_out is not None:
            catalog = without_products(catalog, read_ids(self.leave_out), self.leave_out)
        corrected = None
        if self.corrections is not None:
            decisions = read_corrections(self.corrections)
            catalog, corrected = apply_corrections(catalog, decisions, mode)
        readings["catalog"] = replace(reading, catalog=catalog)
        return readings, corrected


def without_products(catalog: Catalog, ids: set[str], source: Path) -> Catalog:
    """The products whose ids are not in `ids`.

    Args:
        source: where `ids` were read from, for messages.

    Raises:
        CatalogError: an id is none of the catalogue's, or no product is left.
    """
    names = catalog.ids
    unknown = sorted(ids - set(names))
    if unknown:
        hint = did_you_mean(unknown[0], names[:100_000])
        raise CatalogError(
            f"{source} leaves out {len(unknown)} products that are not in the catalogue, such as "
            f"{unknown[0]!r}; {hint}take them out of the file"
        )
    kept = np.array([name not in ids for name in names], np.bool_)
    if not kept.any():
        raise CatalogError(f"{source} leaves out every product; nothing is left to learn from")
    # the same catalogue, with what it remembers, where nothing is left out
    return catalog if kept.all() else catalog.take(np.flatnonzero(kept))
