"""Out-of-fold scores, watched by a spy that remembers what it learnt from and what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.core import registry
from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.types import (
    Bools,
    Context,
    Examples,
    FieldInputs,
    Floats,
    PluginSettings,
    Prediction,
    Rows,
    State,
)
from shelfwise.errors import LabelError, PluginError
from shelfwise.modalities import text_transformer
from shelfwise.nn import batched_training, mlp
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality
from shelfwise.nn.threads import torch_threads
from shelfwise.training import cross_fitting
from shelfwise.training.cross_fitting import out_of_fold

L = 3


class Encoded(RowModality):
    """A row of given numbers for each product."""

    def __init__(self, rows: Floats) -> None:
        super().__init__(ClassifierSettings(), "title")
        self._rows = rows

    def prepare(self, catalog: Catalog, context: Context) -> FieldInputs:
        raise NotImplementedError

    def rows(self, inputs: Any) -> Floats:
        return self._rows


@dataclass(frozen=True)
class Numbered(FieldInputs):
    """Every product is its own number."""

    numbers: Rows

    def take(self, rows: Rows) -> Numbered:
        return Numbered(self.present[rows], self.numbers[rows])


class Spy(Modality):
    """Says 1 / (1 + number) for every label.

    Its features are the number and its place among the spies, from 1.
    """

    Settings = PluginSettings

    def __init__(self, ring: list[Spy]) -> None:
        super().__init__(PluginSettings(), "title")
        ring.append(self)
        self.place = len(ring)
        self.n_trained_labels: set[int] = set()
        self.watched: set[int] | None = None
        self.asked: set[int] = set()

    def prepare(self, catalog: Catalog, context: Context) -> Numbered:
        raise NotImplementedError

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        assert train.inputs.present.all()
        assert np.array_equal(train.targets[:, 0], train.inputs.numbers)
        self.n_trained_labels = set(train.inputs.numbers.tolist())
        self.watched = None if validation is None else set(validation.inputs.numbers.tolist())
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        assert inputs.present.all()
        self.asked |= set(inputs.numbers.tolist())
        numbers = inputs.numbers.astype(np.float32)
        return np.tile(1 / (1 + numbers[:, None]), (1, L)), np.stack(
            [numbers, np.full(len(numbers), self.place, np.float32)], axis=1
        )

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> Self:
        return self


def examples(present: Bools, first: int = 0) -> Examples:
    """Products whose targets in column 0 are their numbers, so that a mix-up of rows shows."""
    numbers = np.arange(first, first + len(present))
    return Examples(
        Numbered(present, numbers), np.tile(numbers[:, None].astype(np.float32), (1, L))
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-1, 3), st.booleans()), min_size=8, max_size=40), st.booleans()
)
def test_nobody_is_answered_for_by_a_model_that_saw_them_or_their_fold(
    rows: list[tuple[int, bool]], watch: bool
) -> None:
    folds, present = np.array([f for f, _ in rows]), np.array([p for _, p in rows])
    asked_folds = set(folds[folds >= 0].tolist())
    if any(not (present & (folds != fold)).any() for fold in asked_folds):
        return  # a fold without anybody to learn from is refused, tested below
    ring: list[Spy] = []
    validation = examples(np.array([True, False]), first=1000) if watch else None
    answer = out_of_fold(lambda: Spy(ring), examples(present), folds, validation, Context())
    assert len(ring) == len(asked_folds)
    for fold, spy in zip(sorted(asked_folds), ring, strict=True):
        assert spy.n_trained_labels == set(np.flatnonzero(present & (folds != fold)).tolist())
        assert spy.asked == set(np.flatnonzero(present & (folds == fold)).tolist())
        assert spy.watched == ({1000} if watch else None)
    answered = present & (folds >= 0)
    assert np.array_equal(answer.present, answered)
    numbers = np.arange(len(present))
    np.testing.assert_allclose(
        answer.probabilities,
        np.where(answered, 1 / (1 + numbers), 0)[:, None].repeat(L, axis=1),
        rtol=1e-6,
    )
    if answered.any():
        assert np.array_equal(answer.features[:, 0], np.where(answered, numbers, 0))


def test_keep_sees_every_fold_and_may_answer_in_its_place() -> None:
    ring: list[Spy] = []
    folds, train = np.array([0, 1, 2, 0, 1, 2]), examples(np.ones(6, np.bool_))
    kept: dict[int, Prediction] = {}

    def remember(fold: int, compute: Any) -> Prediction:
        if fold not in kept:
            kept[fold] = compute()
        return kept[fold]

    first = out_of_fold(lambda: Spy(ring), train, folds, None, Context(), keep=remember)
    assert sorted(kept) == [0, 1, 2]
    assert kept[1].features[:, 0].tolist() == [1, 4]
    del kept[1]
    again = out_of_fold(lambda: Spy(ring), train, folds, None, Context(), keep=remember)
    assert len(ring) == 3 + 1
    assert np.array_equal(again.probabilities, first.probabilities)


def test_computations_may_be_put_off() -> None:
    ring: list[Spy] = []
    later: list[Any] = []
    empty = Prediction(
        np.zeros((2, L), np.float32), np.zeros((2, 0), np.float32), np.zeros(2, np.bool_)
    )

    def postpone(fold: int, compute: Any) -> Prediction:
        later.append(compute)
        return empty

    out_of_fold(
        lambda: Spy(ring),
        examples(np.ones(4, np.bool_)),
        np.array([0, 0, 1, 1]),
        None,
        Context(),
        keep=postpone,
    )
    assert [compute().features[:, 0].tolist() for compute in later] == [[0, 1], [2, 3]]


def test_a_fold_of_absent_products_is_zeros() -> None:
    answer = out_of_fold(
        lambda: Spy([]),
        examples(np.array([True, True, False, False])),
        np.array([0, 1, 2, 2]),
        None,
        Context(),
    )
    assert answer.features.shape == (4, 2)
    assert not answer.features[2:].any()
    assert answer.present.tolist() == [True, True, False, False]


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(
        LabelError, match="none of the 2 training products has a usable value in title"
    ):
        fit_present(Spy([]), examples(np.zeros(2, np.bool_)), None, Context())
    with pytest.raises(LabelError, match="none of the 1 training products"):
        out_of_fold(
            lambda: Spy([]), examples(np.array([True, False])), np.array([0, 1]), None, Context()
        )


def test_a_validation_part_without_the_field_counts_as_none() -> None:
    spy = Spy([])
    fit_present(spy, examples(np.ones(2, np.bool_)), examples(np.zeros(3, np.bool_)), Context())
    assert spy.watched is None


def test_predict_present_scatters_into_the_right_rows() -> None:
    answer = predict_present(
        Spy([]), examples(np.array([False, True, False, True])).inputs, L, Context()
    )
    assert answer.features[:, 0].tolist() == [0, 1, 0, 3]
    np.testing.assert_allclose(answer.probabilities[:, 1], [0, 0.5, 0, 0.25])


def test_predict_present_refuses_one_row_for_all_products() -> None:
    class OneRow(Spy):
        def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
            probabilities, features = super().predict(inputs, context)
            return probabilities[:1], features

    inputs = examples(np.array([False, True, True])).inputs
    with pytest.raises(
        PluginError, match=r"OneRow answered with an array \(1, 3\), expected \(2, 3\)"
    ):
        predict_present(OneRow([]), inputs, L, Context())


def test_predict_present_of_nobody_asks_nobody() -> None:
    spy = Spy([])
    answer = predict_present(spy, examples(np.zeros(2, np.bool_)).inputs, L, Context())
    assert answer.probabilities.shape == (2, L)
    assert answer.features.shape == (2, 0)
    assert not spy.asked


def members(encoder: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Those that fit in threads: the field that each reads, and its settings."""
    training = {"epochs": 3, "batch_size": 8, "loss": "bce"}
    return {
        "text_transformer": (
            "title",
            {
                "encoder": encoder,
                "train_last": 0,
                "hidden": 8,
                "dropout": 0.3,
                "training": training,
            },
        ),
        "graph": ("related", {"hidden": 8, "training": training}),
        "tabular": ("price+brand", {"hidden": 8, "training": training}),
    }


@pytest.fixture(scope="module")
def encoder(make_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_encoder(tmp_path_factory.mktemp("encoder"), ("red", "hat", "lamp")))


COUNT = 60


def problem(name: str, encoder: str, **changes: Any) -> tuple[Callable[[], Modality], Examples]:
    """How a member called `name` is made, and what it learns from."""
    rng = np.random.default_rng(0)
    field, chosen = members(encoder)[name]
    catalog = Catalog.from_records(
        {
            "id": f"p{i}",
            "title": " ".join(rng.choice(["red", "hat", "lamp"], 2)),
            "price": float(rng.integers(1, 50)),
            "brand": str(rng.choice(["a", "b"])),
            "related": {"also_bought": [f"p{(i + step) % COUNT}" for step in (1, 4)]},
        }
        for i in range(COUNT)
    )
    targets = rng.integers(0, 2, (COUNT, L)).astype(np.float32)
    plugin = registry.modalities.load(name)

    def make() -> Modality:
        return plugin(plugin.Settings.model_validate({**chosen, **changes}), field)

    return make, Examples(make().prepare(catalog, Context()), targets)


@pytest.mark.parametrize("name", ["text_transformer", "graph", "tabular"])
def test_folds_at_once_are_those_one_after_the_other(name: str, encoder: str) -> None:
    make, train = problem(name, encoder)
    assert make().fits_in_threads
    threads = set[int]()

    def found(at_once: bool) -> Prediction:
        threads.clear()

        def noted() -> Modality:
            threads.add(threading.get_ident())
            return make()

        with torch_threads(2):
            return out_of_fold(
                noted, train, np.arange(COUNT) % 5, None, Context(seed=3), at_once=at_once
            )

    alone = found(False)
    assert threads == {threading.get_ident()}
    together = found(True)
    assert threading.get_ident() not in threads
    np.testing.assert_array_equal(alone.probabilities, together.probabilities)
    assert alone.probabilities.any()


@pytest.mark.parametrize("name", ["text_transformer", "graph", "tabular"])
def test_on_a_gpu_the_networks_of_all_folds_are_trained_as_one(
    name: str, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, train = problem(name, encoder, dropout=0)
    folds, context = np.arange(COUNT) % 5, Context(seed=3)
    alone = out_of_fold(make, train, folds, None, context)
    together: list[int] = []

    def noted(networks: Any, *others: Any) -> list[int]:
        together.append(len(networks))
        return batched_training.fit_as_one(networks, *others)

    monkeypatch.setattr(cross_fitting, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(batched_training, "device_with_room", lambda _: torch.device("cuda"))
    for file in (mlp, text_transformer):
        monkeypatch.setattr(file, "fit_as_one", noted)
    found = out_of_fold(make, train, folds, None, context, at_once=True)
    assert together == [5]
    np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.features, alone.features, atol=1e-4)


def test_encodings_of_different_widths_are_not_trained_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [np.ones((4, width), np.float32) for width in (2, 3)]
    tasks = [
        ModalityTask(Encoded(own), Examples(FieldInputs(np.ones(4, bool)), np.eye(4, 2)), Context())
        for own in rows
    ]
    monkeypatch.setattr(batched_training, "device_with_room", lambda _: torch.device("cuda"))
    Encoded.fit_each(tasks)
    assert [task.modality.classifier.inputs for task in tasks] == [2, 3]


def test_what_is_on_disk_is_not_fitted_beside_the_others() -> None:
    ring: list[Spy] = []
    folds, train = np.array([0, 1, 2, 0, 1, 2]), examples(np.ones(6, np.bool_))
    whole = out_of_fold(lambda: Spy(ring), train, folds, None, Context())
    ring.clear()

    def first_on_disk(fold: int, compute: Any) -> Prediction:
        return whole.take(np.flatnonzero(folds == 0)) if fold == 0 else compute()

    again = out_of_fold(
        lambda: Spy(ring), train, folds, None, Context(), keep=first_on_disk, at_once=True
    )
    assert [sorted(spy.asked) for spy in sorted(ring, key=lambda spy: min(spy.asked))] == [
        [1, 4],
        [2, 5],
    ]
    assert np.array_equal(again.probabilities, whole.probabilities)
