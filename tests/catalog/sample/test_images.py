"""Every category and every print of the sample can be drawn, and looks like something."""

from __future__ import annotations

from collections import Counter

import numpy as np

from shelfwise.catalog.sample.images import ImageSpec, draw
from shelfwise.catalog.sample.patterns import PATTERNS
from shelfwise.catalog.sample.vocabulary import load_vocabulary


def test_the_tree_has_over_fifty_labels_and_every_shape_and_print_can_be_drawn() -> None:
    words = load_vocabulary()
    names = {d.name for d in words.departments} | {
        leaf.name for d in words.departments for leaf in d.leaf
    }
    assert len(names) >= 50
    assert {name.lower() for name in words.prints.cues} == set(PATTERNS)
    leaves = [leaf for d in words.departments for leaf in d.leaf]
    rng = np.random.default_rng(0)
    blank = np.asarray(draw(ImageSpec("carton", "red"), rng)).std()
    for leaf in leaves:
        assert np.asarray(draw(ImageSpec(leaf.shape, "red"), rng)).std() > blank / 10, (
            f"nothing is drawn of {leaf.name}"
        )
    shared = Counter(leaf.shape for leaf in leaves)
    assert sum(count > 1 for count in shared.values()) >= 5, "some categories must look alike"


def test_a_print_changes_the_product_and_leaves_the_background() -> None:
    plain = np.asarray(draw(ImageSpec("cushion", "red"), np.random.default_rng(3)), np.float32)
    hues = plain[70:106, 60:76].reshape(-1, 3).std(axis=0).max()
    for pattern in PATTERNS:
        printed = np.asarray(
            draw(ImageSpec("cushion", "red", pattern), np.random.default_rng(3)), np.float32
        )
        assert printed[70:106, 60:76].reshape(-1, 3).std(axis=0).max() > 2 * hues, pattern
