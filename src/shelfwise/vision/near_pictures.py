"""Which hashes of pictures are nearly the same, without comparing all with all.

Hashes that differ in few bits are the same in one of their bands of some bits, most probably (as in
multi-index hashing: Norouzi, Punjani and Fleet 2012). So each band is sorted, and hashes are compared within
a run of one value.

Dimensions: N hashes, U of them distinct, B bytes of a hash, E pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Int64Array, Rows

BAND_BITS = (8, 16)
"""Of one band, at least and at most: the fewer, the fewer pairs are missed, and the longer the runs."""

_RUN_BITS = 4
"""So many bits fewer than would tell all hashes apart: a run then has about sixteen."""

_LONGEST_RUN = 256
"""In a longer run of one value each is compared with so many that follow; other bands sort otherwise."""

_COMPARED_TOGETHER = 1 << 18
_SEED = 26

Hashes = NDArray[np.uint8]

# how many bits of two bytes are set; numpy 1 cannot count them
_TWO_BYTES = np.arange(1 << 16, dtype=np.uint16)[:, None].view(np.uint8)
_SET_BITS = np.unpackbits(_TWO_BYTES, axis=1).sum(1, dtype=np.uint8)


@dataclass(frozen=True)
class NearPairs:
    """Hashes that are nearly the same.

    Args:
        first: (E,) places.
        second: (E,) places, greater than `first`.
        differing: (E,) bits.
    """

    first: Rows
    second: Rows
    differing: Int64Array


def near_pairs(hashes: Hashes, most_differing: int, most_sharing: int) -> NearPairs:
    """Pairs of hashes that differ in few bits, each once, by `first`, then by `second`.

    A hash that more than `most_sharing` have, nearly or just so, is boilerplate, and in no pair.

    Args:
        hashes: (N, B).
        most_differing: bits in which the hashes of a pair may differ.
        most_sharing: hashes that may be nearly the same as one, itself counted.
    """
    distinct, places, uses = np.unique(hashes, axis=0, return_inverse=True, return_counts=True)
    # numpy 2.0 gives the places a second axis
    places = places.reshape(-1)
    near = _near_distinct(distinct, most_differing, most_sharing)
    sharing = uses.copy()
    np.add.at(sharing, near[:, 0], uses[near[:, 1]])
    np.add.at(sharing, near[:, 1], uses[near[:, 0]])
    rare = sharing <= most_sharing
    near = near[rare[near].all(axis=1)]
    same = np.flatnonzero(rare & (uses > 1))
    return _of_all(places, uses, np.concatenate([near, np.stack([same, same], axis=1)]), distinct)


def _near_distinct(distinct: Hashes, most_differing: int, most_sharing: int) -> Int64Array:
    """(E, 2) places of distinct hashes that differ in few bits."""
    # neighbouring bits tell of the same part of the picture: a band takes its own from everywhere
    bits = np.random.default_rng(_SEED).permutation(8 * distinct.shape[1])
    width = int(np.clip(len(distinct).bit_length() - _RUN_BITS, *BAND_BITS))
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(bits), width):
        keys = _band(distinct, bits[start : start + width])
        found.append(_near_in_band(distinct, keys, most_differing, most_sharing))
    # most pairs are found by several bands
    return np.unique(np.concatenate(found), axis=0)


def _band(distinct: Hashes, bits: Int64Array) -> Int64Array:
    """(U,) some bits of each hash, as one number."""
    keys = np.zeros(len(distinct), np.int64)
    for bit in bits.tolist():
        # the first bit of a byte is its highest
        byte, place = divmod(bit, 8)
        value = distinct[:, byte] >> (7 - place) & 1
        keys = 2 * keys + value
    return keys


def _near_in_band(
    distinct: Hashes, keys: Int64Array, most_differing: int, most_sharing: int
) -> Int64Array:
    """(E, 2) places, the smaller first, of near hashes with the same key."""
    # stable: within a run the places ascend
    order = np.argsort(keys, kind="stable")
    sharing = np.ones(len(distinct), np.int64)
    # a last key that equals none, so that no run goes on behind the end
    sorted_keys = np.append(keys[order], -1)
    # what is compared lies side by side: most of the time would go into fetching it from everywhere
    in_order = distinct[order]
    found = [np.empty((0, 2), np.int64)]
    begins = np.arange(len(order))
    for step in range(1, _LONGEST_RUN + 1):
        ends = np.minimum(begins + step, len(order))
        begins = begins[sorted_keys[ends] == sorted_keys[begins]]
        # what is boilerplate already is not compared any more: its pairs would fill the memory
        begins = begins[sharing[order[begins]] <= most_sharing]
        if not len(begins):
            break
        near = begins[_differing(in_order, begins, begins + step) <= most_differing]
        pairs = np.stack([order[near], order[near + step]], axis=1)
        np.add.at(sharing, pairs, 1)
        found.append(pairs)
    return np.concatenate(found)


def _differing(hashes: Hashes, first: Rows, second: Rows) -> Int64Array:
    """(E,) bits in which the hashes of each pair of places differ."""
    # 16 bits at a time: a table of the bits of every such number is small
    words = hashes.view(np.uint16)
    differing = np.empty(len(first), np.int64)
    for start in range(0, len(first), _COMPARED_TOGETHER):
        some = slice(start, start + _COMPARED_TOGETHER)
        unequal = words[first[some]] ^ words[second[some]]
        differing[some] = _SET_BITS[unequal].sum(axis=1, dtype=np.int64)
    return differing


def _of_all(places: Int64Array, uses: Int64Array, near: Int64Array, distinct: Hashes) -> NearPairs:
    """Pairs of all N hashes, of those of the distinct ones; one of a hash with itself is all its own.

    Args:
        places: (N,) each one's distinct hash.
        uses: (U,) how many have it.
    """
    order = np.argsort(places, kind="stable")
    ends = np.cumsum(uses)
    found: list[tuple[int, int, int]] = []
    differing = _differing(distinct, *near.T)
    for (one, other), bits in zip(near.tolist(), differing.tolist(), strict=True):
        for first in order[ends[one] - uses[one] : ends[one]].tolist():
            for second in order[ends[other] - uses[other] : ends[other]].tolist():
                # of a hash with itself each pair comes twice
                if one != other or first < second:
                    found.append((min(first, second), max(first, second), bits))
    table = np.array(sorted(found), np.int64).reshape(-1, 3)
    return NearPairs(table[:, 0], table[:, 1], table[:, 2])
