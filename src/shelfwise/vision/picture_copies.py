"""Near-copies by their pictures, where a second witness agrees: their titles share some of their words.

A picture alone binds nothing: products that differ share stock photos, size charts and one picture for all
colours, and plain things of one outline have nearly the same hash.

Dimensions: N products.
"""

from __future__ import annotations

from dataclasses import dataclass

from shelfwise.catalog.shared_words import shared_words
from shelfwise.catalog.similar_texts import MAX_GROUP, SimilarPairs, bounded_groups
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Rows
from shelfwise.vision.picture_hashes import PictureHashes, picture_hashes
from shelfwise.vision.similar_pictures import similar_pictures

LEAST_SHARED_WORDS = 0.3
"""Of the different words of two titles, the share that both have (measured: docs/scale.md)."""


@dataclass(frozen=True)
class PictureCopies:
    """Groups of near-copies by pictures.

    Args:
        groups: (N,) ids; equal for near-copies.
        notes: sentences on pictures that were not compared.
    """

    groups: Rows
    notes: tuple[str, ...]


def picture_copies(
    catalog: Catalog, context: Context, least_shared: float = LEAST_SHARED_WORDS
) -> PictureCopies:
    """Products with nearly the same picture whose titles share some of their words, in groups.

    A product without a title or a usable picture is alone.

    Args:
        least_shared: of the different words of two titles, the share that both have.

    Raises:
        PluginError: the extra ``copies`` is not installed.
    """
    pictures = picture_hashes(catalog, context)
    pairs = similar_pictures(pictures)
    shares = shared_words(catalog.table.column("title"), pairs.first, pairs.second)
    agree = shares >= least_shared
    kept = SimilarPairs(pairs.first[agree], pairs.second[agree], pairs.similarity[agree])
    return PictureCopies(bounded_groups(kept, len(catalog), MAX_GROUP), _notes(catalog, pictures))


def _notes(catalog: Catalog, pictures: PictureHashes) -> tuple[str, ...]:
    """What was not compared, and why."""
    notes = []
    if pictures.refused:
        # it may be all of a million; one shows where to look
        row, reason = next(iter(pictures.refused.items()))
        count = len(pictures.refused)
        first = f"that of {catalog.value('id', row)}: {reason}"
        notes.append(
            f"{count:,} pictures could not be compared to find near-copies, such as {first}"
        )
    if pictures.flat:
        notes.append(
            f"{pictures.flat:,} pictures of one colour were not compared to find near-copies"
        )
    return tuple(notes)
