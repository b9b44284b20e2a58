"""Seeded division of products into parts: near-copies stay together, rare labels get a place in each part.

Dimensions: N products, L labels, G groups of near-copies, P parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from shelfwise.config import SplitSettings
from shelfwise.core.types import Float64Array, Floats, Rows
from shelfwise.errors import CatalogError


@dataclass(frozen=True)
class Split:
    """Row numbers of the parts, each ascending under ``grouped``, in shuffled order under ``random``."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    targets: Floats | csr_array,
    groups: Rows,
    settings: SplitSettings,
    seed: int,
    test_given: bool,
) -> Split:
    """Divide N products into train, validation and test.

    ``grouped`` deals whole groups by iterative stratification. ``random`` is the authors' rule and ignores
    groups: ``RandomState(seed)`` shuffles, the first products train; validation is the end of the training
    part (an addition: the authors had none).

    Args:
        targets: (N, L) of 0 and 1, dense or sparse.
        groups: (N,) ids from :func:`~shelfwise.catalog.near_copies.near_copies`.
        test_given: the user brought a test catalogue, so the test part stays empty.

    Raises:
        CatalogError: too few products or groups to give every part one.
    """
    train_share = 1.0 if test_given else settings.train_fraction
    validation_fraction = settings.validation_fraction
    if settings.method == "random":
        split = _random_split(targets.shape[0], train_share, validation_fraction, seed)
    else:
        split = _grouped_split(targets, groups, train_share, validation_fraction, seed)
    # a part that nobody wants may be empty
    sizes = {"train": len(split.train)}
    if validation_fraction:
        sizes["validation"] = len(split.validation)
    if not test_given:
        sizes["test"] = len(split.test)
    if not all(sizes.values()):
        parts = ", ".join(sizes)
        got = ", ".join(map(str, sizes.values()))
        raise CatalogError(
            f"{_counted(groups)} are too few to divide into {parts} (got {got}); "
            "add products or raise the fractions under [split]"
        )
    return split


def group_folds(
    targets: Floats,
    groups: Rows,
    k: int,
    seed: int,
) -> Rows:
    """Fold ids (N,), 0..k-1, of about equal size and label frequencies; no group straddles folds.

    For the ``random`` method pass ``np.arange(N)`` as groups.

    Raises:
        CatalogError: fewer groups than folds.
    """
    equal_shares = np.full(k, 1 / k)
    folds = deal(targets, groups, equal_shares, seed)
    sizes = np.bincount(folds, minlength=k)
    if sizes.min() == 0:
        fix = "add products or lower folds under [stacking]"
        raise CatalogError(f"{_counted(groups)} do not fill {k} folds; {fix}")
    return folds


def deal(
    targets: Floats | csr_array,
    groups: Rows,
    shares: Float64Array,
    seed: int,
) -> Rows:
    """Part numbers (N,) by iterative stratification (Sechidis et al. 2011) of whole groups.

    From the rarest label up, each group goes to the part that still lacks most products of that label, then
    to the part with most room. A label in at least P groups gets a place in each of the P parts. The package
    ``iterative-stratification`` would count a group of fifty as one product; this counts fifty.

    Args:
        targets: (N, L) of 0 and 1.
        groups: (N,) integers, equal for products that must stay together.
        shares: (P,) wanted shares of the products, summing to 1.
        seed: decides the order in which groups of one size are dealt.
    """
    ids = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(ids)
    counts = _label_counts(targets, ids, len(sizes))
    groups_of_label = counts.tocsc()
    room = shares * len(ids)
    lacking = _wanted(counts, shares)
    part = np.full(len(sizes), -1, dtype=np.int64)
    rank = _dealing_rank(sizes, seed)
    # (L,) products of each label whose group is not dealt yet
    left = counts.sum(axis=0)
    while left.any():
        # the label with fewest products left, as it is the hardest to divide
        unfinished = np.where(left > 0, left, np.inf)
        label = int(unfinished.argmin())
        begin, end = groups_of_label.indptr[label : label + 2]
        batch = groups_of_label.indices[begin:end]
        batch = batch[part[batch] < 0]
        for group in batch[np.argsort(rank[batch])]:
            # the part that lacks most of this label; of several, the one with most room
            chosen = np.lexsort((room, lacking[label]))[-1]
            part[group] = chosen
            room[chosen] -= sizes[group]
            # the group brings its other labels with it
            first, last = counts.indptr[group : group + 2]
            labels = counts.indices[first:last]
            lacking[labels, chosen] -= counts.data[first:last]
        left -= counts[batch].sum(axis=0)
    # groups without a label go where there is room
    in_order = np.argsort(rank)
    for group in in_order[part[in_order] < 0]:
        chosen = room.argmax()
        part[group] = chosen
        room[chosen] -= sizes[group]
    return part[ids]


def _counted(groups: Rows) -> str:
    count = len(np.unique(groups))
    return f"{len(groups)} products in {count} groups of near-copies"


def _random_split(
    count: int,
    train_share: float,
    validation_fraction: float,
    seed: int,
) -> Split:
    """The authors' rule."""
    # the old generator, as in their scripts: it gives their very rows
    order = np.random.RandomState(seed).permutation(count)
    first = round(count * train_share)
    held_out = round(first * validation_fraction)
    trained = first - held_out
    return Split(
        train=order[:trained],
        validation=order[trained:first],
        test=order[first:],
    )


def _grouped_split(
    targets: Floats | csr_array,
    groups: Rows,
    train_share: float,
    validation_fraction: float,
    seed: int,
) -> Split:
    """Whole groups by iterative stratification."""
    shares = np.array(
        [
            train_share * (1 - validation_fraction),
            train_share * validation_fraction,
            1 - train_share,
        ]
    )
    # a part without a share gets no place in the dealing
    wanted = np.flatnonzero(shares > 0)
    dealt = deal(targets, groups, shares[wanted], seed)
    parts = wanted[dealt]
    return Split(
        train=np.flatnonzero(parts == 0),
        validation=np.flatnonzero(parts == 1),
        test=np.flatnonzero(parts == 2),
    )


def _label_counts(targets: Floats | csr_array, ids: Rows, groups: int) -> csr_array:
    """(G, L) products of each label in each group."""
    count = len(ids)
    products = np.arange(count)
    # (G, N) which products each group has
    ones = np.ones(count)
    members = csr_array((ones, (ids, products)), shape=(groups, count))
    sparse_targets = csr_array(targets, dtype=np.float64)
    return csr_array(members @ sparse_targets)


def _dealing_rank(sizes: Rows, seed: int) -> Rows:
    """(G,) at what place each group is dealt: large ones first, as they fit worst, others shuffled."""
    count = len(sizes)
    shuffled = np.random.default_rng(seed).permutation(count)
    order = np.lexsort((shuffled, -sizes))
    # from the group at each place to the place of each group
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank


def _wanted(counts: csr_array, shares: Float64Array) -> Float64Array:
    """(L, P) products each part should get of each label.

    That is its share, but one at least where there are groups enough.
    """
    wanted = np.outer(counts.sum(axis=0), shares)
    groups_of_label = np.bincount(counts.indices, minlength=counts.shape[1])
    spread = groups_of_label >= len(shares)
    exact = wanted[spread]
    lifted = np.maximum(exact, 1.0)
    # what the small parts get on top, the largest gives
    largest = int(shares.argmax())
    surplus = lifted.sum(axis=1) - exact.sum(axis=1)
    lifted[:, largest] -= surplus
    wanted[spread] = lifted
    return wanted
