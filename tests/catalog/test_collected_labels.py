"""Labels that are counted batch by batch are those that are counted at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.catalog.collected_labels import CollectedLabels
from shelfwise.catalog.labels import LabelSet, Mode
from shelfwise.config import LabelSettings
from shelfwise.errors import LabelError

names = st.sampled_from(["a", "b", " c ", "d", "e", ""])
catalogues = st.lists(st.none() | st.lists(st.lists(names, max_size=3), max_size=3), max_size=12)


def collected(categories: list[Any], mode: Mode, cut: int) -> CollectedLabels:
    found = CollectedLabels(mode)
    found.add(categories[:cut])
    found.add(categories[cut:])
    return found


def labels_or_reason(fit: Callable[[], LabelSet]) -> LabelSet | str:
    """The labels, or why there are none."""
    try:
        return fit()
    except LabelError as error:
        return str(error)


@given(catalogues, st.sampled_from(["flat", "path", "leaf"]), st.integers(0, 12))
def test_batches_give_what_the_whole_gives(categories: list[Any], mode: Mode, cut: int) -> None:
    settings = LabelSettings(mode=mode, min_count=2)
    found = collected(categories, mode, cut)
    assert len(found) == len(categories)
    expected = labels_or_reason(lambda: LabelSet.fit(categories, settings))
    assert labels_or_reason(lambda: found.label_set(settings)) == expected
    # without labels there are targets, too
    labels = expected if isinstance(expected, LabelSet) else LabelSet((), mode)
    targets = found.encode(labels)
    assert targets.shape == (len(categories), len(labels))
    assert np.array_equal(targets.toarray(), labels.encode(categories))
