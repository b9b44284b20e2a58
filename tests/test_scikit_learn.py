"""scikit-learn's own tools take a Categorizer: checks, cross-validation, searches, pipelines, metrics."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.exceptions
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from shelfwise import Categorizer
from shelfwise.errors import CatalogError, LabelError

Product = dict[str, Any]
NOUNS = ["Mug", "Lamp", "Shirt", "Toy"]
FAST = {
    "labels": {"min_count": 2},
    "stacking": {"folds": 2},
    "systems": {"blend": {"settings": {"parts": [{"policy": "logistic"}]}}},
}
"""Laid over the preset quick: one fit takes a fraction of a second."""


pytestmark = pytest.mark.usefixtures("one_thread")


def made_up() -> tuple[list[Product], list[list[str]]]:
    """60 products whose titles say their labels: a noun, and every third a gift."""
    chance = random.Random(0)
    products = []
    labels = []
    for number in range(60):
        noun = NOUNS[number % 4]
        is_gift = number % 3 == 0
        title = f"{chance.choice(['red', 'blue', 'green'])} {noun.lower()}"
        products.append({"title": f"{title} gift" if is_gift else title})
        labels.append([noun, "Gifts"] if is_gift else [noun])
    return products, labels


PRODUCTS, LABELS = made_up()
BINARIZER = MultiLabelBinarizer()
MULTI_HOT = BINARIZER.fit_transform(LABELS)
NAMED = pd.DataFrame(MULTI_HOT, columns=BINARIZER.classes_)


def make() -> Categorizer:
    return Categorizer("quick", FAST, seed=0)


class OnNumbers(Categorizer):
    """A categorizer of tables of numbers: scikit-learn's checks give nothing else.

    Each number becomes a word of the title, so that products are alike where the numbers are.
    """

    def fit(self, X: Any, y: Any = None) -> OnNumbers:
        return super().fit(as_products(X), y)

    def predict(self, X: Any) -> Any:
        return super().predict(as_products(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(as_products(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        return super().score(as_products(X), y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def as_products(numbers: Any) -> Any:
    """The rows of a table as products; anything else as it is, for the categorizer to refuse."""
    table = np.asarray(numbers)
    # complex numbers are no words
    if table.ndim != 2 or not len(table) or table.dtype.kind == "c":
        return numbers
    return [{"title": " ".join(map(word, enumerate(row)))} for row in table]


def word(place_and_value: tuple[int, Any]) -> str:
    place, value = place_and_value
    return "" if value != value else f"f{place}w{round(float(value))}"


NO_COLUMNS = "products are dictionaries, and may have any fields: there is no number of features"
NO_TABLE = "speaks of arrays and how to reshape them, where products are dictionaries"
EXPECTED_FAILURES = {
    "check_n_features_in": NO_COLUMNS,
    "check_n_features_in_after_fitting": NO_COLUMNS,
    "check_complex_data": "the y of this check is complex, too, and y is refused first",
    "check_estimators_empty_data_messages": NO_TABLE,
    "check_fit2d_predict1d": NO_TABLE,
    "check_fit2d_1sample": "one product is too few, and is refused; the check waits for other words",
}
"""Checks that do not hold here, and why."""


def expected_failures(estimator: Any) -> dict[str, str]:
    return EXPECTED_FAILURES


@parametrize_with_checks(
    [OnNumbers("quick", {**FAST, "labels": {"min_count": 1}}, seed=0)],
    expected_failed_checks=expected_failures,
)
def test_estimator_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_parameters_are_only_kept() -> None:
    config = {"labels": {"min_count": 2}}
    model = Categorizer("quick", config, seed=3)
    assert model.config is config
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.set_params(seed=4).seed == 4
    assert repr(model).startswith("Categorizer(")


def test_unfitted_is_what_scikit_learn_waits_for() -> None:
    with pytest.raises(sklearn.exceptions.NotFittedError, match="call fit"):
        make().score(PRODUCTS, LABELS)


def test_multi_hot_y_gives_multi_hot_predictions(tmp_path: Path) -> None:
    """In its columns, those of labels that are too rare included; also once saved and loaded."""
    rare = NAMED.assign(**{"A rarity": 0})
    rare.loc[0, "A rarity"] = 1
    model = make().fit(pd.DataFrame(PRODUCTS), rare)
    assert model.classes_.tolist() == [*BINARIZER.classes_, "A rarity"]
    predicted = model.predict(PRODUCTS)
    scores = model.predict_proba(PRODUCTS)
    assert predicted.shape == scores.shape == rare.shape
    assert not predicted[:, -1].any()
    assert f1_score(rare, predicted, average="micro") == pytest.approx(model.score(PRODUCTS, rare))
    assert model.score(PRODUCTS, rare) == pytest.approx(1, abs=0.02)
    assert model.score(PRODUCTS, rare) < 1, "the rare label is missed"
    assert [sorted(names) for names in model.categorize(PRODUCTS)] == [sorted(n) for n in LABELS]
    model.save(tmp_path / "model")
    for other in (Categorizer.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(PRODUCTS), predicted)
        np.testing.assert_array_equal(other.classes_, model.classes_)


def test_score_counts_what_the_model_does_not_know() -> None:
    model = make().fit(PRODUCTS, LABELS)
    assert model.score(PRODUCTS, LABELS) == 1
    new = [[*names, "New"] for names in LABELS]
    given = sum(map(len, LABELS))
    assert model.score(PRODUCTS, new) == pytest.approx(2 * given / (2 * given + len(PRODUCTS)))
    labelled = [{**p, "categories": n} for p, n in zip(PRODUCTS, LABELS, strict=True)]
    assert model.score(labelled) == 1
    # columns without names are those of classes_
    assert model.score(PRODUCTS, NAMED[model.classes_.tolist()].to_numpy()) == 1


def test_weights_of_the_score() -> None:
    model = make().fit(PRODUCTS, LABELS)
    wrong = [["Lamp"] if names == ["Mug"] else names for names in LABELS]
    weights = [0.0 if names == ["Mug"] else 1.0 for names in LABELS]
    assert model.score(PRODUCTS, wrong) < 1
    assert model.score(PRODUCTS, wrong, sample_weight=weights) == 1
    with pytest.raises(LabelError, match="one number for each of 60 products"):
        model.score(PRODUCTS, LABELS, sample_weight=[1, 2])


TARGETS = {
    "lists": LABELS,
    "sets": [set(names) for names in LABELS],
    "series": pd.Series(LABELS),
    "multi-hot": MULTI_HOT,
    "frame": NAMED.astype(bool),
    "texts": [names[0] for names in LABELS],
}


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_cross_validation(y: Any) -> None:
    scores = cross_val_score(make(), PRODUCTS, y, cv=2, error_score="raise")
    assert scores.tolist() == [1, 1]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_metrics_of_scikit_learn(frame: Any) -> None:
    products = frame(PRODUCTS)
    for metric in ("f1_macro", "accuracy", "average_precision"):
        scores = cross_val_score(
            make(), products, MULTI_HOT, cv=2, scoring=metric, error_score="raise"
        )
        assert scores == pytest.approx([1, 1])


def test_cross_validation_by_categories_in_the_products() -> None:
    labelled = [{**p, "categories": n} for p, n in zip(PRODUCTS, LABELS, strict=True)]
    assert cross_val_score(make(), labelled, cv=2, error_score="raise").tolist() == [1, 1]


def test_predictions_out_of_fold() -> None:
    predicted = cross_val_predict(make(), PRODUCTS, MULTI_HOT, cv=2)
    np.testing.assert_array_equal(predicted, MULTI_HOT)


@pytest.mark.parametrize("y", [LABELS, MULTI_HOT], ids=["lists", "multi-hot"])
def test_search(y: Any) -> None:
    """The better of two thresholds is found: at 1 no label is given."""
    settings = [{**FAST, "threshold": 1.0}, {**FAST, "threshold": 0.5}]
    search = GridSearchCV(make(), {"config": settings}, cv=2, error_score="raise")
    search.fit(PRODUCTS, y)
    assert search.cv_results_["mean_test_score"].tolist() == [0, 1]
    assert search.best_params_["config"]["threshold"] == 0.5
    assert search.score(PRODUCTS, y) == 1


def test_pipeline() -> None:
    def shout(products: list[Product]) -> list[Product]:
        return [{**product, "title": product["title"].upper()} for product in products]

    pipeline = make_pipeline(FunctionTransformer(shout), make())
    assert pipeline.fit(PRODUCTS, LABELS).score(PRODUCTS, LABELS) == 1
    assert pipeline.classes_.tolist() == sorted([*NOUNS, "Gifts"])
    assert pipeline.predict([{"title": "red mug gift"}]).sum() == 2


@pytest.mark.parametrize(
    ("products", "y", "message"),
    [
        (np.zeros((60, 4)), LABELS, r"ndarray of the shape \(60, 4\), whose columns have no names"),
        ("mugs", LABELS, "there is no catalogue 'mugs'"),
        (PRODUCTS[0], LABELS, "one mapping with the keys 'title'"),
        (None, LABELS, "of the type NoneType"),
        (PRODUCTS, "categories", r"frame\['categories'\]"),
        (PRODUCTS, MULTI_HOT * 0.5, "holds 0.5"),
        (PRODUCTS, LABELS[:-1], "60 products but categories for 59"),
        (PRODUCTS, MULTI_HOT[:-1], "60 products but categories for 59"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(
    products: Any, y: Any, message: str
) -> None:
    with pytest.raises((CatalogError, LabelError), match=message) as caught:
        make().fit(products, y)
    assert isinstance(caught.value, ValueError), "what scikit-learn's tools wait for"


def test_a_score_of_another_width_is_refused() -> None:
    model = make().fit(PRODUCTS, MULTI_HOT)
    with pytest.raises(LabelError, match="4 columns, and the model was fitted on 5 labels"):
        model.score(PRODUCTS, MULTI_HOT[:, :4])
    with pytest.raises(LabelError, match="no true label"):
        model.score(PRODUCTS)
