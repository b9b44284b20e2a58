"""Gaussian kernels over a sample of products, against kernels computed pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.core.types import Floats
from shelfwise.features import nystroem
from shelfwise.features.nystroem import JITTER, NystroemFeatures
from tests.features.gaussian_kernel import gaussian

WEIGHTS = {"sentences": 2.0, "pictures": 0.7}


def vectors(seed: int, count: int) -> Mapping[str, Floats]:
    """Vectors of two kinds around a mean of their own.

    Every fifth product has none of the second, one none of either.
    """
    rng = np.random.default_rng(seed)
    made = {
        "sentences": rng.normal(2, 1, (count, 8)).astype(np.float32),
        "pictures": rng.normal(-1, 1, (count, 12)).astype(np.float32),
    }
    made["pictures"][::5] = 0
    made["sentences"][5] = 0
    return made


def spanned(known: Any, new: Any, rows: Any, ridge: float) -> Any:
    """The kernels as far as the products `rows` span them (Nystrom), with `ridge` on their own kernel."""
    steady = np.linalg.inv(known[np.ix_(rows, rows)] + ridge * np.eye(len(rows)))
    return known[:, rows] @ steady @ known[rows], new[:, rows] @ steady @ known[rows]


@settings(max_examples=15, deadline=None)
@given(st.integers(6, 30), st.integers(0, 3), st.sampled_from([0.3, 1.0, 4.0]), st.floats(0.3, 1))
def test_inner_products_are_the_kernel_as_far_as_landmarks_span_it(
    count: int, seed: int, gamma: float, share: float
) -> None:
    known, new = vectors(seed, count), vectors(seed + 10, 8)
    landmarks = max(1, round(share * count))
    map_ = NystroemFeatures.fit(known, WEIGHTS, gamma, landmarks, seed)
    mapped, others = (
        map_.apply(values, WEIGHTS, gamma).astype(np.float64) for values in (known, new)
    )
    kernels = [gaussian(known[name], new[name], gamma) for name in known]
    whole = [sum(w * k[i] for w, k in zip(WEIGHTS.values(), kernels, strict=True)) for i in (0, 1)]
    rows, ridge = (
        np.random.default_rng(seed).permutation(count)[:landmarks],
        JITTER * sum(WEIGHTS.values()),
    )
    inside, across = spanned(*whole, rows, ridge)
    np.testing.assert_allclose(mapped @ mapped.T, inside, atol=1e-3)
    np.testing.assert_allclose(others @ mapped.T, across, atol=1e-3)
    np.testing.assert_allclose((mapped @ mapped.T)[:, rows], whole[0][:, rows], atol=0.1)
    np.testing.assert_allclose(
        (mapped @ mapped.T)[np.ix_(rows, rows)], whole[0][np.ix_(rows, rows)], atol=2 * ridge
    )
    assert not mapped[5].any(), "who has nothing is like nobody"


def test_the_size_of_chunks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    known = vectors(0, 50)
    map_ = NystroemFeatures.fit(known, WEIGHTS, 1.0, 3000, 0)
    whole = map_.apply(known, WEIGHTS, 1.0)
    monkeypatch.setattr(nystroem, "CHUNK_ROWS", 7)
    np.testing.assert_allclose(map_.apply(known, WEIGHTS, 1.0), whole, atol=1e-4)


def test_many_products_are_mapped_alike_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    known = vectors(0, 50)
    map_ = NystroemFeatures.fit(known, WEIGHTS, 1.0, 20, 0)
    # as a saved model's
    map_.turn.flags.writeable = False
    expected = map_.apply(known, WEIGHTS, 1.0)
    asked: list[int] = []

    def has_room(needed: int) -> torch.device:
        asked.append(needed)
        return torch.device("cuda")

    monkeypatch.setattr(nystroem, "device_with_room", has_room)
    assert map_._place(50) is None
    assert asked == [], "a GPU is asked about a few products"
    monkeypatch.setattr(nystroem, "PRODUCTS_WORTH_A_GPU", 50 * 20 * (8 + 12 + 20))
    assert map_._place(49) is None
    assert map_._place(50) == torch.device("cuda")
    assert asked[0] > 4 * (20 * 40 + 50 * 40)
    # here the other device is the processor; what is made without naming one could not meet it
    monkeypatch.setattr(NystroemFeatures, "_place", lambda *_: torch.device("cpu"))
    monkeypatch.setattr(nystroem, "CHUNK_ROWS", 7)
    with torch.device("meta"):
        found = map_.apply(known, WEIGHTS, 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32


def test_copies_and_vectors_at_the_mean_are_borne() -> None:
    same = {"sentences": np.ones((6, 4), np.float32)}
    mapped = NystroemFeatures.fit(same, WEIGHTS, 1.0, 3000, 0).apply(same, WEIGHTS, 1.0)
    assert np.isfinite(mapped).all()
    twice = {name: np.tile(values, (2, 1)) for name, values in vectors(0, 10).items()}
    mapped = NystroemFeatures.fit(twice, WEIGHTS, 1.0, 3000, 0).apply(twice, WEIGHTS, 1.0)
    np.testing.assert_allclose(mapped[:10], mapped[10:], atol=1e-5)


def test_without_weight_they_say_nothing() -> None:
    nothing = dict.fromkeys(WEIGHTS, 0.0)
    assert (
        not NystroemFeatures.fit(vectors(0, 10), nothing, 1.0, 3000, 0)
        .apply(vectors(1, 8), nothing, 1.0)
        .any()
    )
