import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import stable_labels
from shelfwise.catalog.near_copies import (
    near_copies,
)
from shelfwise.catalog.split import deal, group_folds, split_rows
from shelfwise.config import LabelSettings, SplitSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError


def synthetic(products, seed=0, labels=40):
    """Targets with frequencies from 40% down to a handful, and groups of one to ten."""
    random = np.random.default_rng(seed)
    targets = random.random((products, labels)) < np.geomspace(0.4, 8 / products, labels)
    targets[:, 0] |= ~targets.any(axis=1)
    groups = np.repeat(np.arange(products), random.choice([1, 1, 1, 2, 3, 10], products))[:products]
    return targets.astype(np.float32), random.permutation(groups)


def straddling(groups, parts):
    return [len(np.intersect1d(groups[a], groups[b])) for a, b in itertools.combinations(parts, 2)]


@pytest.mark.parametrize("method", ["grouped", "random"])
@pytest.mark.parametrize("test_given", [True, False])
def test_every_product_is_in_one_part_and_sizes_are_as_asked(method, test_given):
    targets, groups = synthetic(3000)
    split = split_rows(targets, groups, SplitSettings(method=method), 0, test_given)
    assert sorted(np.concatenate([split.train, split.validation, split.test]).tolist()) == list(
        range(3000)
    )
    train = 1.0 if test_given else 90_000 / 119_073
    wanted = np.array([train * 0.9, train * 0.1, 1 - train])
    sizes = np.array([len(split.train), len(split.validation), len(split.test)])
    assert np.abs(sizes / 3000 - wanted).max() < 0.015
    again = split_rows(targets, groups, SplitSettings(method=method), 0, test_given)
    other = split_rows(targets, groups, SplitSettings(method=method), 1, test_given)
    assert np.array_equal(split.train, again.train)
    assert not np.array_equal(split.train, other.train)


@pytest.mark.parametrize("method", ["grouped", "random"])
@pytest.mark.parametrize("test_given", [True, False])
def test_without_validation_all_but_the_test_part_is_learnt_from(method, test_given):
    targets, groups = synthetic(600)
    split = split_rows(
        targets, groups, SplitSettings(method=method, validation_fraction=0), 0, test_given
    )
    assert not len(split.validation)
    assert sorted(np.concatenate([split.train, split.test]).tolist()) == list(range(600))
    wanted = 1.0 if test_given else 90_000 / 119_073
    assert abs(len(split.train) / 600 - wanted) < 0.015
    if method == "grouped":
        assert straddling(groups, (split.train, split.test)) == [0]


def test_two_products_are_enough_to_learn_from_without_validation_and_test():
    split = split_rows(
        np.ones((2, 1), np.float32),
        np.arange(2),
        SplitSettings(validation_fraction=0),
        0,
        test_given=True,
    )
    assert split.train.tolist() == [0, 1]


def test_random_is_the_authors_shuffle():
    targets = np.ones((1000, 1), dtype=np.float32)
    split = split_rows(
        targets, np.zeros(1000, dtype=np.int64), SplitSettings(method="random"), 0, test_given=False
    )
    rows = list(range(1000))
    np.random.RandomState(0).shuffle(rows)
    assert [*split.train, *split.validation] == rows[:756]
    assert split.validation.tolist() == rows[680:756]
    assert split.test.tolist() == rows[756:]


def test_the_papers_sizes():
    targets = np.ones((119_073, 1), dtype=np.float32)
    split = split_rows(
        targets, np.arange(119_073), SplitSettings(method="random"), 0, test_given=False
    )
    assert (len(split.train) + len(split.validation), len(split.test)) == (90_000, 29_073)


def test_groups_stay_whole_and_rare_labels_get_a_place_everywhere():
    targets, groups = synthetic(3000)
    split = split_rows(targets, groups, SplitSettings(), 0, test_given=False)
    parts = (split.train, split.validation, split.test)
    assert straddling(groups, parts) == [0, 0, 0]
    carrying = np.array([len(np.unique(groups[column > 0])) for column in targets.T])
    assert carrying.min() < 10
    assert all((targets[part].sum(axis=0)[carrying >= 3] > 0).all() for part in parts)


def test_stratifying_keeps_label_frequencies_closer_than_shuffling():
    targets, groups = synthetic(3000)

    def deviation(method):
        split = split_rows(targets, groups, SplitSettings(method=method), 0, test_given=False)
        return np.abs(
            targets[split.test].sum(axis=0) / targets.sum(axis=0) - len(split.test) / 3000
        ).mean()

    assert deviation("grouped") < deviation("random") / 2


def test_a_label_with_three_products_is_dealt_to_three_parts():
    targets = np.zeros((300, 2), dtype=np.float32)
    targets[:, 0] = 1
    targets[[5, 50, 200], 1] = 1
    parts = deal(targets, np.arange(300), np.array([0.7, 0.05, 0.25]), seed=0)
    assert sorted(parts[[5, 50, 200]]) == [0, 1, 2]


def test_products_without_labels_fill_up_the_parts():
    parts = deal(
        np.zeros((100, 3), dtype=np.float32), np.arange(100), np.array([0.5, 0.3, 0.2]), seed=0
    )
    assert np.bincount(parts).tolist() == [50, 30, 20]


def test_sizes_count_products_and_not_groups():
    groups = np.repeat(np.arange(150), [50] * 10 + [1] * 140)  # 640 products, ten large groups
    parts = deal(np.ones((640, 1), dtype=np.float32), groups, np.array([0.5, 0.5]), seed=0)
    assert np.bincount(parts).tolist() == [320, 320]


@given(st.integers(2, 5), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_folds_are_even_and_whole(k, seed):
    targets, groups = synthetic(400, seed, labels=12)
    folds = group_folds(targets, groups, k, seed)
    assert straddling(groups, [np.flatnonzero(folds == fold) for fold in range(k)]) == [0] * (
        k * (k - 1) // 2
    )
    sizes = np.bincount(folds, minlength=k)
    assert sizes.max() - sizes.min() <= 20
    assert np.array_equal(folds, group_folds(targets, groups, k, seed))


def test_every_fold_sees_every_label_that_is_frequent_enough():
    targets, groups = synthetic(3000)
    folds = group_folds(targets, groups, 5, 0)
    carrying = np.array([len(np.unique(groups[column > 0])) for column in targets.T])
    assert all((targets[folds == fold].sum(axis=0)[carrying >= 5] > 0).all() for fold in range(5))


def test_too_little_to_divide_is_refused():
    targets = np.ones((30, 1), dtype=np.float32)
    one_group = np.zeros(30, dtype=np.int64)
    with pytest.raises(
        CatalogError, match=r"30 products in 1 groups of near-copies.*train, validation, test"
    ):
        split_rows(targets, one_group, SplitSettings(), 0, test_given=False)
    with pytest.raises(CatalogError, match=r"do not fill 5 folds.*lower folds"):
        group_folds(targets, one_group, 5, 0)
    with pytest.raises(CatalogError, match="too few"):
        split_rows(targets[:2], one_group[:2], SplitSettings(method="random"), 0, test_given=True)


def test_on_real_fashion_products():
    source = Path(__file__).parents[2].parent / "shared" / "data" / "hm" / "train.jsonl"
    if not source.exists():
        pytest.skip(f"the catalogue for measuring is not there: {source}")
    records = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    fields = ("title", "description", "categories")
    products = Catalog.from_records(
        {"id": record["asin"], **{name: record.get(name) for name in fields}} for record in records
    )
    labels, kept = stable_labels(products.column("categories"), LabelSettings(min_count=15))
    targets = labels.encode(products.column("categories"))[kept]
    assert (len(labels), len(kept), round(float(targets.sum(axis=1).mean()), 2)) == (126, 4387, 5.0)
    groups = near_copies(products)
    assert np.bincount(groups).max() < 30
    split = split_rows(targets, groups, SplitSettings(), 0, test_given=False)
    parts = (split.train, split.validation, split.test)
    assert straddling(groups, parts) == [0, 0, 0]
    assert all(targets[part].any(axis=0).all() for part in parts)
