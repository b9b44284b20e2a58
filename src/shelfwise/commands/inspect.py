"""Looking at a catalogue before anything is learnt from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import LabelError, WeightsError
from shelfwise.reports.inspection_report import write_inspection
from shelfwise.text.cleaning import tokenize_column
from shelfwise.text.word_vectors import load_vectors

EXAMPLES = 12


def inspect_catalog(source: Path, out: Path, config: Config, context: Context) -> dict[str, Any]:
    """Count what `source` has, lacks and got wrong; write inspect.json, figure_2.svg, index.html and quarantine.jsonl to `out`.

    Returns:
        What inspect.json holds.

    Raises:
        CatalogError: `source` cannot be read at all.
    """
    reading = read_catalog(source, config.catalog, context)
    catalog = reading.catalog
    try:
        labels = LabelSet.fit(catalog.column("categories"), config.labels)
        note = None
    except LabelError as error:
        labels, note = LabelSet(()), str(error)
    targets = labels.encode(catalog.column("categories"))
    found = {
        "source": str(source),
        "format": reading.format,
        "records": reading.records,
        "accepted": len(catalog),
        "quarantined": len(reading.quarantine),
        "reasons": dict(Counter(q.kind for q in reading.quarantine).most_common()),
        "statistics": catalog_statistics(catalog, targets, labels.names).to_dict(),
        "coverage": _coverage(catalog, config),
        "note": note,
        "examples": _examples(catalog),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_quarantine(reading.quarantine, out / "quarantine.jsonl")
    write_inspection(found, out)
    return found


def _coverage(catalog: Catalog, config: Config) -> dict[str, float | None]:
    """Share of each text field's distinct words that the word vectors know, + 1 for padding, as in the authors' scripts.

    Counted over all products; training counts its own part only. None where there are no vectors.
    """
    from shelfwise.core.registry import make_member

    shares: dict[str, float | None] = {}
    for name, member in config.members.items():
        settings = make_member(config, name).settings if member.modality == "text_cnn" else None
        if settings is None:
            continue
        tokens = tokenize_column(catalog.column(member.field), settings.cleaning)
        try:
            shares[member.field] = len(load_vectors(settings.vectors, tokens.words).words) / (
                len(tokens.words) + 1
            )
        except WeightsError:
            shares[member.field] = None
    return shares


def _examples(catalog: Catalog) -> list[dict[str, Any]]:
    part = catalog.take(range(min(EXAMPLES, len(catalog))))
    return [
        {"id": name, "title": title, "image": None if path is None else str(path)}
        for name, title, path in zip(part.ids, part.column("title"), part.image_paths(), strict=True)
    ]
