"""``shelfwise inspect``: look at a catalogue before a model is trained on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa

from shelfwise.catalog.collected_labels import CollectedLabels
from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import catalog_folder, open_stream, quarantine_line
from shelfwise.catalog.reading.reading_summary import ReadFacts, summarize_reading
from shelfwise.catalog.statistics import Statistics, label_statistics
from shelfwise.catalog.stream_samples import EvenSample, TextSample
from shelfwise.commands.output_places import check_output_folder
from shelfwise.config import Config
from shelfwise.core.arrow_size import concatenated
from shelfwise.core.catalog import Catalog
from shelfwise.core.image_sources import IMAGE_BYTES, EmbeddedImage, ImageSource
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import keep_input, write_text_atomically
from shelfwise.errors import LabelError, WeightsError
from shelfwise.reports.inspection_report import write_inspection
from shelfwise.text.cleaning import tokenize_column
from shelfwise.text.word_vectors import load_vectors
from shelfwise.vision.image_io import ImageRejectedError, has_several_frames, read_image

MAX_EXAMPLES = 12
"""Products shown on the page."""

OWN_FILES = ("inspect.json", "figure_2.svg")
FILES = (*OWN_FILES, "index.html", "quarantine.jsonl")
"""What an inspection leaves in its folder."""

MAX_IMAGES_OPENED = 200
"""Images that are opened, at equal distances in the catalogue."""

MAX_IMAGES_KEPT = 1 << 20
"""Names of images that are kept while the catalogue is read; of more, each second, each fourth and so on."""

MAX_EMBEDDED_KEPT = 400
"""Embedded images that are kept."""

MAX_TEXT_BYTES = 256 << 20
"""Texts whose words are looked up; of more, a seeded sample."""

MAX_REASONS = 5
"""Reasons told why images cannot be used, the commonest."""


def inspect_catalog(source: Path, out: Path, config: Config, context: Context) -> dict[str, Any]:
    """Count what `source` has, what it lacks and what was rejected, in one pass that keeps no texts.

    Leaves inspect.json, figure_2.svg, index.html and quarantine.jsonl in `out`.

    Returns:
        What inspect.json holds.

    Raises:
        CatalogError: `source` cannot be read at all.
        StorageError: another run is writing to `out`, it holds something else, or `source` would be written
            over.
    """
    check_output_folder(out, OWN_FILES, FILES)
    keep_input(source, *(out / name for name in FILES))
    counts = _StreamCounts(config, context.seed)
    with TemporaryFile("w+", encoding="utf-8") as refused:
        with open_stream(source, config.catalog, context, strict=True) as stream:
            for table, records in stream:
                counts.add(Catalog(table, catalog_folder(source), str(source)))
                # a file of nothing but faults may be as large as any other
                refused.writelines(map(quarantine_line, records))
        first = counts.first_products(catalog_folder(source), str(source))
        found = {
            "source": str(source),
            **summarize_reading(ReadFacts.of_stream(stream, first), config),
            "images": try_images(counts.images, context),
            **counts.found(config),
            "examples": _examples(first),
        }
        images = dict(zip(first.ids, first.image_sources(), strict=True))
        refused.seek(0)
        with claimed(out):
            # inspect.json first: by it a later run knows that the folder is of an inspection
            write_inspection(found, out, images.get)
            write_text_atomically(out / "quarantine.jsonl", refused)
    return found


class _StreamCounts:
    """What is counted of the products of a stream, batch by batch.

    Args:
        config: tells how paths become labels, and which members read words.
        seed: of the sample of texts.
    """

    def __init__(self, config: Config, seed: int) -> None:
        self.images = EvenSample(MAX_IMAGES_KEPT)
        self._settings = config.labels
        self._labels = CollectedLabels(config.labels.mode)
        # column -> products that have a value there; in the order in which columns turn up
        self._values: dict[str, int] = {}
        # the only modality that reads word vectors
        self._readers = {
            name: member for name, member in config.members.items() if member.modality == "text_cnn"
        }
        fields = [member.field for member in self._readers.values()]
        self._texts = TextSample(fields, MAX_TEXT_BYTES, seed)
        self._first: list[pa.Table] = []

    def add(self, part: Catalog) -> None:
        """Take note of further products."""
        wanted = MAX_EXAMPLES - len(self._labels)
        if wanted > 0:
            self._first.append(part.take(range(min(wanted, len(part)))).table)
        self._labels.add(part.column("categories"))
        for name in part.columns:
            column = part.table.column(name)
            present = len(column) - column.null_count
            self._values[name] = self._values.get(name, 0) + present
        # embedded images hold their bytes in memory, files cost nothing
        if IMAGE_BYTES in part.table.column_names:
            self.images.keep_at_most(MAX_EMBEDDED_KEPT)
        self.images.extend(_apart(image) for image in part.image_sources() if image is not None)
        self._texts.add(part.table)

    def first_products(self, root: Path, source: str) -> Catalog:
        """The first products: they are what a person sees at the top of the file."""
        return Catalog(concatenated(self._first), root, source)

    def found(self, config: Config) -> dict[str, Any]:
        """The statistics, the words that have vectors and from how many texts they are, and a note."""
        note = None
        try:
            labels = self._labels.label_set(self._settings)
        except LabelError as error:
            # a catalogue without labels can still be looked at
            labels = LabelSet(())
            note = str(error)
        targets = self._labels.encode(labels)
        # what was counted is values: nulls cannot be seen where a column comes late
        missing = {name: len(self._labels) - count for name, count in self._values.items()}
        counted = label_statistics(targets, labels.names)
        sampled = self._readers and len(self._texts) < self._texts.seen
        sample = {"texts": len(self._texts), "of": self._texts.seen} if sampled else None
        return {
            "statistics": Statistics(**vars(counted), missing=missing).to_dict(),
            "coverage": self._vector_coverage(config),
            "coverage_sample": sample,
            "note": note,
        }

    def _vector_coverage(self, config: Config) -> dict[str, float | None]:
        """Share of each text field's distinct words that have a pre-trained vector; None without vectors.

        The padding word counts as one more, as in the authors' scripts. All products are counted here, or a
        sample of them; training counts the training products only.
        """
        # the plug-ins need torch, which is slow to import
        from shelfwise.core.registry import make_member

        shares: dict[str, float | None] = {}
        for name, member in self._readers.items():
            settings = make_member(config, name).settings
            words: dict[str, None] = {}
            for texts in self._texts.blocks(member.field):
                words |= dict.fromkeys(tokenize_column(texts, settings.cleaning).words)
            try:
                vectors = load_vectors(settings.vectors, tuple(words))
            except WeightsError:
                shares[member.field] = None
            else:
                shares[member.field] = len(vectors.words) / (len(words) + 1)
        return shares


def try_images(images: EvenSample, context: Context) -> dict[str, Any]:
    """Open a sample of the images.

    Args:
        images: the sources of all images, or of so many at equal distances.

    Returns:
        named, how many products name an image; looked_at, how many of these were tried; found, how many of
        these there are; opened, how many of these can be used; first_frame, how many of these are animations
        or have several pages, of which the first is used; and reasons, why -> how many cannot be used.
    """
    # the end of a catalogue may be of another kind than its beginning
    sources = images.spread(MAX_IMAGES_OPENED)
    count = len(sources)
    reasons: Counter[str] = Counter()
    found = 0
    several_frames = 0
    with context.progress("images", count) as progress:
        for image in sources:
            try:
                data = read_image(image)
                found += 1
                several_frames += has_several_frames(data)
            except ImageRejectedError as rejection:
                reasons[str(rejection)] += 1
            progress.advance(1)
    return {
        "named": images.seen,
        "looked_at": count,
        "found": found,
        # each image that cannot be used has one reason
        "opened": count - reasons.total(),
        "first_frame": several_frames,
        "reasons": dict(reasons.most_common(MAX_REASONS)),
    }


def _apart(image: ImageSource) -> ImageSource:
    """An image that does not keep the batch that it is embedded in."""
    return image.read() if isinstance(image, EmbeddedImage) else image


def _examples(first: Catalog) -> list[dict[str, Any]]:
    """The first products, for the page."""
    rows = zip(first.ids, first.column("title"), first.column("image"), strict=True)
    examples = []
    for identity, title, image in rows:
        examples.append({"id": identity, "title": title, "image": image})
    return examples
