"""Which products have nearly the same text: MinHash of word pairs, compared where a band of it is the same.

Two texts are similar where they share half of their word pairs (Broder 1997). Their signatures agree in about
as many places as they share pairs, and products that agree in a whole band are found by sorting, without
comparing all with all (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3).

Dimensions: N products, W words, P word pairs, E pairs of products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from shelfwise.catalog.shared_texts import cleaned
from shelfwise.core.libraries import library
from shelfwise.core.types import Floats, Rows
from shelfwise.text.hashing import splitmix64

MIN_PAIRS = 8
"""Word pairs that a text needs before being similar means anything: a title of three words has two."""

SIMILAR = 0.5
"""The share of word pairs that similar texts have in common."""

MAX_GROUP = 1000
"""Products of a group; in a larger one, only what is more and more similar stays together."""

_PERMUTATIONS = 128
_BANDS = 32
_SEED = 20
_TEXTS = 20_000

# counted in so many buckets: two pairs of words that share one are taken for boilerplate a little too often
_BUCKET_BITS = 24

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class SimilarPairs:
    """Products that are similar to each other.

    Args:
        first: (E,) rows.
        second: (E,) rows, greater than `first`.
        similarity: (E,) the share of equal places in their signatures.
    """

    first: Rows
    second: Rows
    similarity: Floats


def similar_groups(
    columns: list[pa.ChunkedArray], most_sharing: int, least: float = SIMILAR
) -> Rows:
    """(N,) group ids, 0..G-1, of products with similar texts; at most :data:`MAX_GROUP` in each.

    Args:
        columns: (N,) texts, as written; of each product they are read one after the other.
        most_sharing: a pair of words that more products have is boilerplate, and is not compared.
        least: the share of word pairs that similar texts have in common.

    Raises:
        PluginError: the extra ``copies`` is not installed.
    """
    pairs = similar_pairs(columns, most_sharing, least)
    return bounded_groups(pairs, len(columns[0]), MAX_GROUP)


def similar_pairs(
    columns: list[pa.ChunkedArray], most_sharing: int, least: float = SIMILAR
) -> SimilarPairs:
    """The pairs of similar products that a band of the signatures shows, each once.

    Of many products that are alike, each is paired with the first of them and with its neighbour only.

    Raises:
        PluginError: the extra ``copies`` is not installed.
    """
    hashes, lengths = _word_pairs(columns)
    hashes, lengths = _without_boilerplate(hashes, lengths, most_sharing)
    rows = np.flatnonzero(lengths >= MIN_PAIRS)
    signatures = _signatures(hashes, lengths, rows)
    found: list[NDArray[np.int64]] = []
    for band in np.split(np.arange(_PERMUTATIONS), _BANDS):
        candidates = _same_band(signatures[:, band])
        similar = _similarity(signatures, candidates) >= least
        found.append(candidates[similar])
    # most pairs are found by several bands
    places = np.unique(np.concatenate(found), axis=0)
    similarity = _similarity(signatures, places)
    return SimilarPairs(rows[places[:, 0]], rows[places[:, 1]], similarity)


def bounded_groups(pairs: SimilarPairs, count: int, limit: int) -> Rows:
    """(N,) group ids of products that pairs connect.

    A group of more than `limit` products is connected anew by its more similar pairs only, and again until
    it is small enough; products that are all the same may then stay alone.
    """
    kept = np.ones(len(pairs.first), dtype=np.bool_)
    groups = _connected(pairs, kept, count)
    # chains of similar texts may lead through half of a catalogue: only nearer ones bind in these
    for least in (*np.arange(SIMILAR + 0.1, 1.0, 0.1), 1.0, np.inf):
        sizes = np.bincount(groups, minlength=1)
        too_large = sizes[groups[pairs.first]] > limit
        if not too_large.any():
            break
        kept &= ~too_large | (pairs.similarity >= least)
        groups = _connected(pairs, kept, count)
    return groups


def _connected(pairs: SimilarPairs, kept: NDArray[np.bool_], count: int) -> Rows:
    ones = np.ones(int(kept.sum()), dtype=np.int8)
    edges = coo_array((ones, (pairs.first[kept], pairs.second[kept])), shape=(count, count))
    groups: Rows = connected_components(edges, directed=False)[1].astype(np.int64)
    return groups


def _word_pairs(columns: list[pa.ChunkedArray]) -> tuple[Hashes, Rows]:
    """The hashes of the word pairs of all texts, (P,), one text after the other, and how many each has.

    A pair that a text has several times is there once.
    """
    parts: list[Hashes] = []
    lengths: list[Rows] = []
    # a word is hashed once, whichever texts have it
    known: dict[str, int] = {}
    for start in range(0, len(columns[0]), _TEXTS):
        part, length = _pairs_of(columns, start, known)
        parts.append(part)
        lengths.append(length)
    if not parts:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    return np.concatenate(parts), np.concatenate(lengths)


def _pairs_of(
    columns: list[pa.ChunkedArray], start: int, known: dict[str, int]
) -> tuple[Hashes, Rows]:
    """As :func:`_word_pairs`, of some thousand texts.

    Args:
        known: word -> its number so far.
    """
    wide = pa.large_string()
    texts = [pc.fill_null(one.slice(start, _TEXTS).cast(wide), "") for one in columns]
    joined = pc.binary_join_element_wise(*texts, pa.scalar(" ", wide))
    words = pc.split_pattern(cleaned(joined), " ")
    counts = np.asarray(pc.list_value_length(words), np.int64)
    coded = pc.list_flatten(words).combine_chunks().dictionary_encode()
    numbers = [known.setdefault(word, len(known)) for word in coded.dictionary.to_pylist()]
    codes = np.array(numbers, np.uint64)[np.asarray(coded.indices)]
    # the last word of a text begins no pair
    begins = np.ones(len(codes), dtype=np.bool_)
    begins[np.cumsum(counts) - 1] = False
    firsts = np.flatnonzero(begins)
    hashes = splitmix64((codes[firsts] << np.uint64(32)) | codes[firsts + 1])
    return _once(hashes, counts - 1)


def _once(hashes: Hashes, lengths: Rows) -> tuple[Hashes, Rows]:
    """Each word pair of a text once: a text that repeats one would make it boilerplate for all others."""
    texts = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((hashes, texts))
    hashes, texts = hashes[order], texts[order]
    is_new = np.ones(len(hashes), dtype=np.bool_)
    is_new[1:] = (np.diff(hashes) != 0) | (np.diff(texts) != 0)
    return hashes[is_new], np.bincount(texts[is_new], minlength=len(lengths))


def _without_boilerplate(hashes: Hashes, lengths: Rows, most_sharing: int) -> tuple[Hashes, Rows]:
    """The word pairs that few enough products have."""
    buckets = (hashes >> np.uint64(64 - _BUCKET_BITS)).astype(np.int64)
    rare = np.bincount(buckets, minlength=1 << _BUCKET_BITS)[buckets] <= most_sharing
    # how many are left of each text
    before = np.concatenate([[0], np.cumsum(rare)])
    ends = np.cumsum(lengths)
    return hashes[rare], before[ends] - before[ends - lengths]


def _signatures(hashes: Hashes, lengths: Rows, rows: Rows) -> NDArray[np.uint32]:
    """The MinHash signatures of the texts in some rows."""
    minhash = library("rensa", "copies", "near-copies by similar texts").RMinHash
    ends = np.cumsum(lengths)
    signatures = np.empty((len(rows), _PERMUTATIONS), np.uint32)
    for start in range(0, len(rows), _TEXTS):
        chosen = rows[start : start + _TEXTS]
        # the library takes texts end to end, as they lie here but for those left out
        tokens = [hashes[ends[row] - lengths[row] : ends[row]] for row in chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths[chosen])]).astype(np.uint64)
        matrix = minhash.digest_matrix_from_flat_token_hashes(
            np.concatenate(tokens), offsets, _PERMUTATIONS, _SEED
        )
        signatures[start : start + len(chosen)] = matrix.to_rows()
    return signatures


def _same_band(band: NDArray[np.uint32]) -> NDArray[np.int64]:
    """(E, 2) places with the same values in a band: each with its neighbour, and with the first."""
    halves = band.astype(np.uint64)
    # the four values of a band as two, and these as one
    first = (halves[:, 0] << np.uint64(32)) | halves[:, 1]
    second = (halves[:, 2] << np.uint64(32)) | halves[:, 3]
    keys = splitmix64(splitmix64(first) ^ second)
    # stable: within a run the places ascend
    order = np.argsort(keys, kind="stable")
    # a run of equal keys begins where a key differs from the one before
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.diff(keys[order]) != 0
    begun_at = np.where(begins, np.arange(len(order)), 0)
    first_of_run = order[np.maximum.accumulate(begun_at)]
    others = np.flatnonzero(~begins)
    neighbours = np.stack([order[others - 1], order[others]], axis=1)
    firsts = np.stack([first_of_run[others], order[others]], axis=1)
    return np.concatenate([neighbours, firsts])


def _similarity(signatures: NDArray[np.uint32], places: NDArray[np.int64]) -> Floats:
    """(E,) the share of equal places in two signatures."""
    similarity = np.empty(len(places), np.float32)
    for start in range(0, len(places), _TEXTS):
        first, second = places[start : start + _TEXTS].T
        equal = signatures[first] == signatures[second]
        similarity[start : start + _TEXTS] = equal.mean(axis=1)
    return similarity
