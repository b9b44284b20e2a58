"""The products of a file in portions for a model, and the refused records among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from shelfwise.catalog.reading.reader import catalog_folder, open_stream, quarantine_line
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.portions import WantedColumns, portions
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.disk.line_files import LineFiles
from shelfwise.model.labelling import CHUNK_ROWS
from shelfwise.model.predictor import Predictor


class StreamedProducts:
    """The products of a file in portions, and its refused records.

    Args:
        predictor: has the settings that the file is read with, and the fields that are wanted.
        source: the file.
        beside: where the refused records are written, too.

    Attributes, filled while the portions are drawn:
        accepted: number of products.
        refused: the records that were read and have no row yet, in their order.
        columns: those that the model reads; which of them no product has.
    """

    def __init__(self, predictor: Predictor, source: Path, beside: LineFiles) -> None:
        self.accepted = 0
        self.refused: deque[Quarantined] = deque()
        self.columns = WantedColumns(predictor.fields)
        self._settings = predictor.config.catalog
        self._source = source
        self._beside = beside

    def portions(self, context: Context) -> Iterator[Catalog]:
        """Catalogues of equal size; to be drawn once."""
        root = catalog_folder(self._source)
        with open_stream(self._source, self._settings, context) as stream:
            for table in portions(stream, CHUNK_ROWS, self._refuse):
                self.accepted += len(table)
                yield Catalog(self.columns.completed(table), root, str(self._source))

    def _refuse(self, records: Sequence[Quarantined]) -> None:
        self.refused += records
        for record in records:
            self._beside.add("quarantine.jsonl", quarantine_line(record))
