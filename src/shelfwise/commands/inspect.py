"""``shelfwise inspect``: look at a catalogue before a model is trained on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.catalog.reading.reading_summary import summarize_reading
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.claims import claimed
from shelfwise.core.files import keep_input
from shelfwise.core.types import Context
from shelfwise.errors import LabelError, WeightsError
from shelfwise.reports.inspection_report import write_inspection
from shelfwise.text.cleaning import tokenize_column
from shelfwise.text.word_vectors import load_vectors
from shelfwise.vision.image_io import ImageRejectedError, has_several_frames, read_image

MAX_EXAMPLES = 12
"""Products shown on the page."""

FILES = ("quarantine.jsonl", "inspect.json", "figure_2.svg", "index.html")
"""What an inspection leaves in its folder."""

MAX_IMAGES_OPENED = 200
"""Images that are opened, at equal distances in the catalogue."""

MAX_REASONS = 5
"""Reasons told why images cannot be used, the commonest."""


def inspect_catalog(source: Path, out: Path, config: Config, context: Context) -> dict[str, Any]:
    """Count what `source` has, what it lacks and what was rejected.

    Leaves inspect.json, figure_2.svg, index.html and quarantine.jsonl in `out`.

    Returns:
        What inspect.json holds.

    Raises:
        CatalogError: `source` cannot be read at all.
        StorageError: another run is writing to `out`, or `source` would be written over.
    """
    keep_input(source, *(out / name for name in FILES))
    reading = read_catalog(source, config.catalog, context, strict=True)
    catalog = reading.catalog
    categories = catalog.column("categories")
    note = None
    try:
        labels = LabelSet.fit(categories, config.labels)
    except LabelError as error:
        # a catalogue without labels can still be looked at
        labels = LabelSet(())
        note = str(error)
    statistics = catalog_statistics(catalog, labels.encode(categories), labels.names)
    found = {
        "source": str(source),
        **summarize_reading(reading, config),
        "images": try_images(catalog, context),
        "statistics": statistics.to_dict(),
        "coverage": _vector_coverage(catalog, config),
        "note": note,
        "examples": _examples(catalog),
    }
    images = dict(zip(catalog.ids, catalog.image_sources(), strict=True))
    with claimed(out):
        write_quarantine(reading.quarantine, out / "quarantine.jsonl")
        write_inspection(found, out, images.get)
    return found


def _vector_coverage(catalog: Catalog, config: Config) -> dict[str, float | None]:
    """Share of each text field's distinct words that have a pre-trained vector; None without vectors.

    The padding word counts as one more, as in the authors' scripts. All products are counted here; training
    counts the training products only.
    """
    # the plug-ins need torch, which is slow to import
    from shelfwise.core.registry import make_member

    shares: dict[str, float | None] = {}
    for name, member in config.members.items():
        # the only modality that reads word vectors
        if member.modality != "text_cnn":
            continue
        settings = make_member(config, name).settings
        tokens = tokenize_column(catalog.column(member.field), settings.cleaning)
        try:
            vectors = load_vectors(settings.vectors, tokens.words)
        except WeightsError:
            shares[member.field] = None
        else:
            shares[member.field] = len(vectors.words) / (len(tokens.words) + 1)
    return shares


def try_images(catalog: Catalog, context: Context) -> dict[str, Any]:
    """Open a sample of the images.

    Returns:
        named, how many products name an image; looked_at, how many of these were tried; found, how many of
        these there are; opened, how many of these can be used; first_frame, how many of these are animations
        or have several pages, of which the first is used; and reasons, why -> how many cannot be used.
    """
    sources = [source for source in catalog.image_sources() if source is not None]
    count = min(len(sources), MAX_IMAGES_OPENED)
    # the end of a catalogue may be of another kind than its beginning
    places = np.linspace(0, len(sources) - 1, count).round().astype(int)
    reasons: Counter[str] = Counter()
    found = 0
    several_frames = 0
    with context.progress("images", count) as progress:
        for place in places.tolist():
            try:
                data = read_image(sources[place])
                found += 1
                several_frames += has_several_frames(data)
            except ImageRejectedError as rejection:
                reasons[str(rejection)] += 1
            progress.advance(1)
    return {
        "named": len(sources),
        "looked_at": count,
        "found": found,
        "opened": count - reasons.total(),
        "first_frame": several_frames,
        "reasons": dict(reasons.most_common(MAX_REASONS)),
    }


def _examples(catalog: Catalog) -> list[dict[str, Any]]:
    """The first products, for the page."""
    # the first ones: they are what a person sees at the top of the file
    part = catalog.take(range(min(MAX_EXAMPLES, len(catalog))))
    rows = zip(part.ids, part.column("title"), part.column("image"), strict=True)
    examples = []
    for identity, title, image in rows:
        examples.append({"id": identity, "title": title, "image": image})
    return examples
