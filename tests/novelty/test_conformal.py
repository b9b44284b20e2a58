"""Saying "none of these": what is unlike all others is found, and false alarms keep to the promised rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from shelfwise.core.types import State
from shelfwise.errors import ConfigError, LabelError
from shelfwise.novelty.conformal import MIN_PRODUCTS, ConformalNovelty, log_prob_no_label


def drawn(count: int, shift: float, seed: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {name: chance.normal(shift, 1, count) for name in ("far", "unsure")}


def test_log_prob_no_label_is_the_log_of_having_none() -> None:
    scores = np.array([[0.9, 0.5, 0.0], [0.2, 0.0, 0.0], [1.0, 1.0, 0.0]], np.float32)
    found = log_prob_no_label(scores)
    np.testing.assert_allclose(found[:2], [np.log(0.1 * 0.5), np.log(0.8)], atol=1e-5)
    assert np.isfinite(found[2])
    assert found[2] < found[0] < found[1]


def test_a_signal_that_a_product_lacks_counts_as_on_average() -> None:
    known_signals = drawn(400, 0, 0)
    fitted = ConformalNovelty.fit(known_signals)
    some = {"far": np.array([0.3, 0.3]), "unsure": np.array([np.nan, 0.3])}
    alone, both = fitted.novelty_score(some)
    p = (1 + np.sum(known_signals["far"] >= 0.3)) / 401
    assert alone == pytest.approx(1 - np.log(p))
    assert both == pytest.approx(
        -np.log(p) - np.log((1 + np.sum(known_signals["unsure"] >= 0.3)) / 401)
    )


def test_a_signal_that_hardly_any_product_has_is_left_out() -> None:
    known_signals = drawn(50, 0, 0)
    known_signals["far"][MIN_PRODUCTS - 1 :] = np.nan
    assert list(ConformalNovelty.fit(known_signals).references) == ["unsure"]


def test_the_p_values_against_a_slow_obvious_count() -> None:
    known_signals, new = drawn(50, 0, 0), drawn(30, 0.5, 1)
    fitted = ConformalNovelty.fit(known_signals)

    def p(name: str, value: float) -> float:
        return (1 + sum(v >= value for v in known_signals[name])) / 51

    def joined(signals: dict[str, np.ndarray], row: int) -> float:
        return -sum(np.log(p(name, signals[name][row])) for name in known_signals)

    known = [joined(known_signals, row) for row in range(50)]
    expected = [(1 + sum(k >= joined(new, row) - 1e-12 for k in known)) / 51 for row in range(30)]
    np.testing.assert_allclose(fitted.p_values(new), expected)


def test_novel_products_are_found_and_false_alarms_are_as_promised() -> None:
    fitted = ConformalNovelty.fit(drawn(2000, 0, 0))
    known, novel = drawn(2000, 0, 1), drawn(500, 2, 2)
    for rate in (0.01, 0.05, 0.2):
        assert fitted.is_novel(fitted.p_values(known), rate).mean() == pytest.approx(
            rate, abs=4 * np.sqrt(rate / 1000)
        )
    assert fitted.is_novel(fitted.p_values(novel), 0.05).mean() > 0.7
    apart = roc_auc_score(
        [0] * 2000 + [1] * 500,
        np.concatenate([fitted.novelty_score(known), fitted.novelty_score(novel)]),
    )
    alone = roc_auc_score([0] * 2000 + [1] * 500, np.concatenate([known["far"], novel["far"]]))
    assert apart > alone + 0.02, "two signals together tell more than one"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=MIN_PRODUCTS, max_size=60),
    st.floats(-6, 6),
    st.floats(0, 3),
)
def test_what_is_more_unusual_never_gets_a_higher_p_value(
    known_signals: list[float], value: float, more: float
) -> None:
    fitted = ConformalNovelty.fit({"far": np.array(known_signals)})
    less, greater = fitted.p_values({"far": np.array([value, value + more])})
    assert 0 < greater <= less <= 1


def test_saved_and_restored() -> None:
    fitted, new = ConformalNovelty.fit(drawn(40, 0, 0)), drawn(10, 1, 1)
    again = ConformalNovelty.from_state(fitted.state())
    np.testing.assert_array_equal(again.p_values(new), fitted.p_values(new))
    assert list(again.references) == list(fitted.references)


def test_promises_that_cannot_be_kept() -> None:
    with pytest.raises(LabelError, match="19 products are too few"):
        ConformalNovelty.fit(drawn(MIN_PRODUCTS - 1, 0, 0))
    with pytest.raises(LabelError, match="0 products"):
        ConformalNovelty.fit({})
    fitted = ConformalNovelty.fit(drawn(40, 0, 0))
    for rate in (0.0, 0.02, 1.0):
        with pytest.raises(ConfigError, match=r"0.0244 or more"):
            fitted.is_novel(np.array([0.5]), rate)


def test_a_detector_without_a_signal_is_refused_when_it_is_restored() -> None:
    state = State({"joined": np.zeros(3)}, {"signals": []})
    with pytest.raises(ValueError, match="without a signal"):
        ConformalNovelty.from_state(state)
