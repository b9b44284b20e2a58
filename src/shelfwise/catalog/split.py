"""Seeded division of products into parts: near-copies stay together, rare labels get a place in each part.

Dimensions: N products, L labels, G groups of near-copies, P parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from shelfwise.config import SplitSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Rows
from shelfwise.errors import CatalogError

SHORTEST_DESCRIPTION = 20
"""Characters a cleaned description needs before sharing it means anything."""
TITLE_LIMIT = 10
"""Products that may share a title. Real name-sakes come in twos to nines; what more products share is a kind ("eGift card")
or a scraper's slip (one stray HTML tag was the "title" of 93% of a catalogue), and would chain everything into one group."""
DESCRIPTION_LIMIT = (50, 0.05)
"""Products, or share of all products, whichever is more, that may share a description; beyond it is boilerplate."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the parts, each ascending under ``grouped``, in shuffled order under ``random``."""

    train: Rows
    validation: Rows
    test: Rows


def near_copies(catalog: Catalog) -> Rows:
    """Group ids (N,), 0..G-1: products with the same cleaned description or the same cleaned title share one, transitively.

    Cleaned means lower-case letters and digits with single spaces between words. Descriptions shorter than
    :data:`SHORTEST_DESCRIPTION` and texts shared more widely than :data:`TITLE_LIMIT` and
    :data:`DESCRIPTION_LIMIT` bind nothing; a product without either text is alone.
    """
    count = len(catalog)
    least, share = DESCRIPTION_LIMIT
    titles = _shared_texts(catalog.table.column("title"), 1, TITLE_LIMIT)
    descriptions = _shared_texts(
        catalog.table.column("description"), SHORTEST_DESCRIPTION, max(least, int(share * count))
    )
    # a graph with a node per product and, behind them, one per text: its components are the groups
    texts = np.concatenate([titles, np.where(descriptions >= 0, descriptions + count, -1)])
    products = np.tile(np.arange(count), 2)[texts >= 0]
    size = 3 * count
    edges = coo_array(
        (np.ones(len(products), dtype=np.int8), (products, count + texts[texts >= 0])), shape=(size, size)
    )
    groups = connected_components(edges, directed=False)[1][:count]
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def split_rows(
    targets: NDArray[np.float32], groups: Rows, settings: SplitSettings, seed: int, test_given: bool
) -> Split:
    """Divide N products into train, validation and test.

    ``grouped`` deals whole groups by iterative stratification. ``random`` is the authors' rule and ignores groups:
    ``RandomState(seed)`` shuffles, the first products train; validation is the end of the training part (an addition:
    the authors had none).

    Args:
        targets: (N, L) of 0 and 1.
        groups: (N,) ids from :func:`near_copies`.
        test_given: the user brought a test catalogue, so the test part stays empty.

    Raises:
        CatalogError: too few products or groups to give every part one.
    """
    count = len(targets)
    train = 1.0 if test_given else settings.train_fraction
    if settings.method == "random":
        order = np.random.RandomState(seed).permutation(count)
        first = round(count * train)
        held = round(first * settings.validation_fraction)
        split = Split(order[: first - held], order[first - held : first], order[first:])
    else:
        shares = np.array(
            [train * (1 - settings.validation_fraction), train * settings.validation_fraction, 1 - train]
        )
        wanted = np.flatnonzero(shares > 0)
        parts = wanted[deal(targets, groups, shares[wanted], seed)]
        split = Split(*(np.flatnonzero(parts == part) for part in range(3)))
    sizes = {
        "train": len(split.train),
        "validation": len(split.validation),
        **({} if test_given else {"test": len(split.test)}),
    }
    if not settings.validation_fraction:
        del sizes["validation"]
    if not all(sizes.values()):
        raise CatalogError(
            f"{count} products in {len(np.unique(groups))} groups of near-copies are too few to divide into {', '.join(sizes)} "
            f"(got {', '.join(map(str, sizes.values()))}); add products or raise the fractions under [split]"
        )
    return split


def group_folds(targets: NDArray[np.float32], groups: Rows, k: int, seed: int) -> Rows:
    """Fold ids (N,), 0..k-1, of about equal size and label frequencies; no group straddles folds.

    For the ``random`` method pass ``np.arange(N)`` as groups.

    Raises:
        CatalogError: fewer groups than folds.
    """
    folds = deal(targets, groups, np.full(k, 1 / k), seed)
    if np.bincount(folds, minlength=k).min() == 0:
        raise CatalogError(
            f"{len(targets)} products in {len(np.unique(groups))} groups of near-copies do not fill {k} folds; "
            "add products or lower folds under [stacking]"
        )
    return folds


def deal(targets: NDArray[np.float32], groups: Rows, shares: NDArray[np.float64], seed: int) -> Rows:
    """Part numbers (N,): iterative stratification (Sechidis et al. 2011) of whole groups, weighted by their products.

    From the rarest label up, each group goes to the part that still lacks most products of that label, then to the part
    with most room. A label in at least P groups gets a place in each of the P parts. The package
    ``iterative-stratification`` would count a group of fifty as one product; this counts fifty.

    Args:
        targets: (N, L) of 0 and 1.
        groups: (N,) integers, equal for products that must stay together.
        shares: (P,) wanted shares of the products, summing to 1.
        seed: decides the order in which groups of one size are dealt.
    """
    ids = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(ids)
    members = csr_array((np.ones(len(ids)), (ids, np.arange(len(ids)))), shape=(len(sizes), len(ids)))
    counts = csr_array(members @ csr_array(targets, dtype=np.float64))
    carriers = counts.tocsc()
    room, lacking = shares * len(ids), _wanted(counts, shares)
    part = np.full(len(sizes), -1, dtype=np.int64)
    rank = np.empty_like(part)
    rank[np.lexsort((np.random.default_rng(seed).permutation(len(sizes)), -sizes))] = np.arange(len(sizes))
    left = counts.sum(axis=0)
    while left.any():
        label = int(np.where(left > 0, left, np.inf).argmin())
        batch = carriers.indices[carriers.indptr[label] : carriers.indptr[label + 1]]
        batch = batch[part[batch] < 0]
        for group in batch[np.argsort(rank[batch])]:
            part[group] = chosen = np.lexsort((room, lacking[label]))[-1]
            row = slice(counts.indptr[group], counts.indptr[group + 1])
            lacking[counts.indices[row], chosen] -= counts.data[row]
            room[chosen] -= sizes[group]
        left -= counts[batch].sum(axis=0)
    for group in np.argsort(rank)[part[np.argsort(rank)] < 0]:
        part[group] = chosen = room.argmax()
        room[chosen] -= sizes[group]
    return part[ids]


def _wanted(counts: csr_array, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L, P) products each part should get of each label: its share, but one at least where there are groups enough."""
    wanted = np.outer(counts.sum(axis=0), shares)
    spread = np.bincount(counts.indices, minlength=counts.shape[1]) >= len(shares)
    lifted = np.maximum(wanted[spread], 1.0)
    largest = int(shares.argmax())
    lifted[:, largest] -= lifted.sum(axis=1) - wanted[spread].sum(axis=1)
    wanted[spread] = lifted
    return wanted


def _shared_texts(texts: pa.ChunkedArray, shortest: int, limit: int) -> Rows:
    """(N,) ids of cleaned texts below N, -1 where there is none, it is too short, or more than `limit` products share it."""
    cleaned = pc.utf8_trim_whitespace(
        pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\p{L}\p{N}]+", " ")
    )
    cleaned = pc.if_else(pc.greater_equal(pc.utf8_length(cleaned), shortest), cleaned, None)
    encoded = cleaned.combine_chunks().dictionary_encode()
    ids = np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)
    uses = np.bincount(ids[ids >= 0], minlength=len(ids) + 1)
    return np.where((ids >= 0) & (uses[ids] <= limit), ids, -1)
