"""``shelfwise inspect``: look at a catalogue before a model is trained on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from shelfwise.catalog.labels import LabelSet, flatten
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import LabelError, WeightsError
from shelfwise.reports.inspection_report import write_inspection
from shelfwise.text.cleaning import tokenize_column
from shelfwise.text.word_vectors import load_vectors

MAX_EXAMPLES = 12
"""Products shown on the page."""

MAX_SHOWN = 5
"""Products shown on the command line, as the model will see them."""

MAX_IMAGES_LOOKED_AT = 1000
"""Images of which it is looked whether the file is there."""


def inspect_catalog(source: Path, out: Path, config: Config, context: Context) -> dict[str, Any]:
    """Count what `source` has, what it lacks and what was rejected.

    Leaves inspect.json, figure_2.svg, index.html and quarantine.jsonl in `out`.

    Returns:
        What inspect.json holds.

    Raises:
        CatalogError: `source` cannot be read at all.
    """
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
    reasons = Counter(record.kind for record in reading.quarantine)
    found = {
        "source": str(source),
        "format": reading.format,
        "records": reading.records,
        "accepted": len(catalog),
        "columns": dict(reading.reading.columns),
        "evidence": list(reading.reading.evidence),
        "notes": dict(reading.notes),
        "first_products": _first_products(catalog, config),
        "images": _images(catalog),
        "quarantined": len(reading.quarantine),
        "reasons": dict(reasons.most_common()),
        "statistics": statistics.to_dict(),
        "coverage": _vector_coverage(catalog, config),
        "note": note,
        "examples": _examples(catalog),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_quarantine(reading.quarantine, out / "quarantine.jsonl")
    write_inspection(found, out)
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


def _first_products(catalog: Catalog, config: Config) -> list[dict[str, Any]]:
    """The first products as a model will see them: id, title, labels and image."""
    part = catalog.take(range(min(MAX_SHOWN, len(catalog))))
    columns = [part.column(name) for name in ("title", "categories", "image")]
    shown = []
    for identity, title, categories, image in zip(part.ids, *columns, strict=True):
        labels = sorted(flatten(categories, config.labels.mode))
        shown.append({"id": identity, "title": title, "labels": labels, "image": image})
    return shown


def _images(catalog: Catalog) -> dict[str, int]:
    """How many products name an image, and how many of the first of these exist as files."""
    sources = [source for source in catalog.image_sources() if source is not None]
    looked_at = sources[:MAX_IMAGES_LOOKED_AT]
    # bytes are there already
    found = sum(isinstance(source, bytes) or source.is_file() for source in looked_at)
    return {"named": len(sources), "looked_at": len(looked_at), "found": found}


def _examples(catalog: Catalog) -> list[dict[str, Any]]:
    """The first products, for the page."""
    # the first ones: they are what a person sees at the top of the file
    part = catalog.take(range(min(MAX_EXAMPLES, len(catalog))))
    rows = zip(part.ids, part.column("title"), part.image_sources(), strict=True)
    examples = []
    for identity, title, path in rows:
        image = None if path is None else str(path)
        examples.append({"id": identity, "title": title, "image": image})
    return examples
