"""The tree that labels form when their names carry their paths ("A > B > C").

A tree is an array (L,): the index of every label's nearest ancestor among the labels, -1 for those that have
none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from shelfwise.catalog.labels import parents_of
from shelfwise.core.types import Floats, Rows
from shelfwise.errors import ConfigError

ROOT = -1


def tree_of(labels: Sequence[str], policy: str) -> Rows:
    """The tree (L,) of the labels, for `policy`, which needs one.

    Raises:
        ConfigError: no label lies below another.
    """
    parents = parents_of(labels)
    if not (parents != ROOT).any():
        raise ConfigError(
            f"the policy {policy} found no label below another among {len(parents)} labels; "
            "let labels carry their paths: labels.mode = 'path'"
        )
    return parents


def levels(parents: Rows) -> list[tuple[Rows, Rows]]:
    """The labels that have a parent, with their parents, level by level, the deepest first.

    >>> [(children.tolist(), above.tolist()) for children, above in levels(np.array([-1, 0, 1, 0]))]
    [([2], [1]), ([1, 3], [0, 0])]
    """
    depths = np.zeros(len(parents), np.int64)
    above = parents
    # one step up for all labels at once, until every one is past its root
    while (above != ROOT).any():
        is_below = above != ROOT
        depths += is_below
        above = np.where(is_below, parents[above], ROOT)
    found = []
    for depth in range(depths.max(initial=0), 0, -1):
        children = np.flatnonzero(depths == depth)
        found.append((children, parents[children]))
    return found


def decoded(scores: Floats, parents: Rows, rule: Literal["max", "minimum", "product"]) -> Floats:
    """Scores (N, L) made to agree with the tree, so that no label scores more than its parent.

    ``max``: a label scores what the highest of it and all below it does (C-HMCNN); ``minimum``: at most what
    its parent does; ``product``: its own score times its parent's.

    >>> scores, parents = np.array([[0.25, 0.5, 1.0]], np.float32), np.array([-1, 0, 1])
    >>> {rule: decoded(scores, parents, rule).tolist()[0] for rule in ("max", "minimum", "product")}
    {'max': [1.0, 1.0, 1.0], 'minimum': [0.25, 0.25, 0.25], 'product': [0.25, 0.125, 0.125]}
    """
    result = scores.copy()
    if rule == "max":
        # bottom up; several children may share a parent, hence the unbuffered `at`
        for children, above in levels(parents):
            np.maximum.at(result.T, above, result.T[children])
        return result
    combine = np.minimum if rule == "minimum" else np.multiply
    # top down: a parent is final before its children follow it
    for children, above in reversed(levels(parents)):
        result[:, children] = combine(result[:, children], result[:, above])
    return result
