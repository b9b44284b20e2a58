import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import f1_score

from shelfwise.metrics import bootstrap
from shelfwise.metrics.bootstrap import (
    bootstrap_interval,
    bootstrap_intervals,
    draw_weights,
    paired_bootstrap,
)


def case(products=60, labels=5, seed=0):
    random = np.random.default_rng(seed)
    targets = random.random((products, labels)) < 0.3
    wrong_a, wrong_b = random.random(targets.shape) < 0.1, random.random(targets.shape) < 0.3
    return targets, targets ^ wrong_a, targets ^ wrong_b


def naive(targets, decided, average, weights):
    """One resample after the other, products repeated as often as they were drawn; then less their bias."""
    values = []
    for row in weights.astype(int):
        drawn = np.repeat(np.arange(len(targets)), row)
        values.append(f1_score(targets[drawn], decided[drawn], average=average, zero_division=0))
    figure = f1_score(targets, decided, average=average, zero_division=0)
    return np.array(values) - np.mean(values) + figure


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_interval_agrees_with_the_naive_loop(average):
    targets, decided, _ = case()
    values = naive(targets, decided, average, np.concatenate(list(draw_weights(60, 50, seed=3))))
    low, high = bootstrap_interval(
        targets, decided, f"{average}_f1", resamples=50, seed=3, level=0.9
    )
    assert (low, high) == pytest.approx(
        (np.quantile(values, 0.05), np.quantile(values, 0.95)), abs=1e-6
    )
    assert low < f1_score(targets, decided, average=average) < high


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_paired_comparison_agrees_with_the_naive_loop(average):
    targets, a, b = case()
    weights = np.concatenate(list(draw_weights(60, 50, seed=3)))
    differences = naive(targets, a, average, weights) - naive(targets, b, average, weights)
    found = paired_bootstrap(targets, a, b, f"{average}_f1", resamples=50, seed=3)
    assert found.difference == pytest.approx(
        f1_score(targets, a, average=average) - f1_score(targets, b, average=average)
    )
    assert (found.low, found.high) == pytest.approx(
        (np.quantile(differences, 0.025), np.quantile(differences, 0.975)), abs=1e-6
    )
    assert found.p_value == pytest.approx(min(1.0, 2 * (np.sum(differences <= 0) + 1) / 51))


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_labels_that_a_resample_lacks_count_as_in_the_metric(average):
    targets, decided = np.zeros((6, 3), dtype=bool), np.zeros((6, 3), dtype=bool)
    targets[0, 0] = decided[0, 0] = targets[1, 1] = True
    values = naive(targets, decided, average, np.concatenate(list(draw_weights(6, 60, seed=0))))
    low, high = bootstrap_interval(targets, decided, f"{average}_f1", resamples=60)
    # what was moved out of the range of F1 is brought back
    expected = np.clip(np.quantile(values, [0.025, 0.975]), 0, 1)
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-6)


def test_the_interval_of_many_rare_labels_holds_the_figure():
    random = np.random.default_rng(0)
    # one or two products a label: a resample misses many labels
    targets = np.zeros((300, 200), dtype=bool)
    targets[np.arange(300), np.arange(300) % 200] = True
    decided = targets & (random.random((300, 1)) < 0.7)
    low, high = bootstrap_interval(targets, decided, "macro_f1", resamples=200)
    assert low < f1_score(targets, decided, average="macro", zero_division=0) < high


@pytest.mark.parametrize("per_chunk", [8_000_000, 100])
def test_all_intervals_at_once_are_those_of_each_decision(per_chunk, monkeypatch):
    monkeypatch.setattr(bootstrap, "WEIGHTS_PER_CHUNK", per_chunk)
    targets, a, b = case(50, 70)
    found = bootstrap_intervals(targets, {"a": sp.csr_array(a), "b": b}, resamples=40, seed=2)
    for name, decided in (("a", a), ("b", b)):
        for statistic in ("micro_f1", "macro_f1"):
            alone = bootstrap_interval(targets, decided, statistic, resamples=40, seed=2)
            assert found[name][statistic] == alone


def test_weights_are_resamples_with_replacement(monkeypatch):
    whole = np.concatenate(list(draw_weights(50, 400, seed=1)))
    assert whole.shape == (400, 50)
    assert whole.dtype == np.float32  # twice the numbers fit into memory
    assert (whole.sum(axis=1) == 50).all()
    assert whole.mean(axis=0) == pytest.approx(1.0, abs=0.25)
    assert whole.var() == pytest.approx(0.98, abs=0.05)  # multinomial: 1 - 1/N
    monkeypatch.setattr(bootstrap, "WEIGHTS_PER_CHUNK", 50 * 30)
    chunks = list(draw_weights(50, 400, seed=1))
    assert {len(chunk) for chunk in chunks} == {30, 10}
    assert np.array_equal(np.concatenate(chunks), whole)


def test_seed_decides():
    targets, decided, _ = case()
    assert bootstrap_interval(targets, decided, resamples=50, seed=1) == bootstrap_interval(
        targets, decided, resamples=50, seed=1
    )
    assert bootstrap_interval(targets, decided, resamples=50, seed=1) != bootstrap_interval(
        targets, decided, resamples=50, seed=2
    )


def test_what_is_not_said_is_as_documented():
    targets, a, b = case(301)
    said = {"statistic": "micro_f1", "resamples": 1000, "seed": 0, "level": 0.95}
    assert bootstrap_interval(targets, a) == bootstrap_interval(targets, a, **said)
    assert paired_bootstrap(targets, a, b) == paired_bootstrap(targets, a, b, **said)


def test_a_clear_difference_is_significant_and_none_is_not():
    targets, a, b = case(300)
    better, worse, same = (paired_bootstrap(targets, *pair) for pair in ((a, b), (b, a), (a, a)))
    assert better.low > 0
    assert better.p_value == pytest.approx(2 / 1001)
    assert (worse.difference, worse.low, worse.high) == pytest.approx(
        (-better.difference, -better.high, -better.low)
    )
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    targets = random.random((40_000, 4)) < 0.4
    decided = targets ^ (random.random(targets.shape) < 0.15)
    truth = f1_score(targets, decided, average="micro")
    covered = 0
    for seed in range(100):
        rows = random.integers(40_000, size=150)
        low, high = bootstrap_interval(targets[rows], decided[rows], resamples=200, seed=seed)
        covered += low <= truth <= high
    assert 87 <= covered <= 100
