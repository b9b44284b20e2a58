"""Rows of vectors: length 1, centred, and rows of 0 left alone."""

from __future__ import annotations

import numpy as np

from shelfwise.features.vector_math import centred_unit, present_mean, unit


def vectors() -> np.ndarray:
    values = np.random.default_rng(0).normal(1, 1, (6, 4)).astype(np.float32)
    values[[1, 4]] = 0
    return values


def test_rows_have_length_one_and_rows_of_zeros_stay() -> None:
    values = vectors()
    lengths = np.linalg.norm(unit(values), axis=1)
    np.testing.assert_allclose(lengths, [1, 0, 1, 1, 0, 1], rtol=1e-6)
    assert np.allclose(unit(values)[0] * np.linalg.norm(values[0]), values[0])


def test_the_mean_is_of_present_rows_alone() -> None:
    values = vectors()
    np.testing.assert_allclose(present_mean(values), values[[0, 2, 3, 5]].mean(axis=0), rtol=1e-6)
    assert present_mean(np.zeros((3, 2), np.float32)).tolist() == [0, 0]
    assert present_mean(np.zeros((0, 2), np.float32)).tolist() == [0, 0]


def test_centred_rows_have_length_one_and_absent_ones_stay_zero() -> None:
    values = vectors()
    centre = present_mean(values)
    found = centred_unit(values, centre)
    assert not found[[1, 4]].any()
    np.testing.assert_allclose(np.linalg.norm(found[[0, 2, 3, 5]], axis=1), 1, rtol=1e-6)
    expected = (values[2] - centre) / np.linalg.norm(values[2] - centre)
    np.testing.assert_allclose(found[2], expected, rtol=1e-5)
    assert not centred_unit(np.tile(centre, (2, 1)), centre).any()
