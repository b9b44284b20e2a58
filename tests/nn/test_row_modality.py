"""What every modality of rows can do, once a plug-in has said how rows are made."""

from typing import Any

import numpy as np
import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, FieldInputs, Floats
from shelfwise.errors import NotFittedError
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality
from shelfwise.nn.training_loop import LoopSettings
from tests.modalities.stored_state import restored

SETTINGS = ClassifierSettings(hidden=4, training=LoopSettings(epochs=2))


class Shifted(RowModality):
    """Rows are the number of a product, less what training products have on average."""

    Settings = ClassifierSettings
    mean = 0.0

    def prepare(self, catalog: Catalog, context: Context) -> FieldInputs:
        return FieldInputs(np.ones(len(catalog), np.bool_))

    def fit_encoding(self, train: Examples, context: Context) -> None:
        self.mean = (len(train.inputs) - 1) / 2

    def rows(self, inputs: Any) -> Floats:
        return (np.arange(len(inputs)) - self.mean).astype(np.float32)[:, None]


def test_the_encoding_is_learned_before_the_classifier() -> None:
    inputs = FieldInputs(np.ones(8, np.bool_))
    examples = Examples(inputs, np.eye(8, 2, dtype=np.float32))
    member = Shifted(SETTINGS, "number").fit(examples, examples, Context(seed=1))
    assert member.mean == 3.5
    probabilities, features = member.predict(inputs, Context())
    assert probabilities.shape == (8, 2)
    assert features.shape == (8, 4)

    again = restored(member)
    again.mean = member.mean  # a plug-in would have saved it
    assert np.array_equal(again.predict(inputs, Context())[0], probabilities)
    assert again.classifier.epochs == member.classifier.epochs == 2


def test_before_fitting_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="the classifier of 'number' is not fitted"):
        Shifted(SETTINGS, "number").predict(FieldInputs(np.ones(1, np.bool_)), Context())
