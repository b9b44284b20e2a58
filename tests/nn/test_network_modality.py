"""What every modality that is one network can do, once a plug-in has said what differs."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, FieldInputs, Floats, PluginSettings, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.nn.classifier_network import ClassifierNetwork
from shelfwise.nn.network_modality import NetworkModality
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.training_loop import LoopSettings


class Settings(PluginSettings):
    training: LoopSettings = LoopSettings(epochs=2)


class Layer(ClassifierNetwork):
    def __init__(self, labels: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0)
        self.output = nn.Linear(1, labels)

    def features(self, rows: Tensor) -> Tensor:
        return rows


class Column:
    def __init__(self, values: Floats) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.values[rows]),)


class TwoViews(NetworkModality[Layer]):
    """Reads a number; its second view is the same number with the other sign."""

    Settings = Settings

    @property
    def views(self) -> int:
        return 2

    def prepare(self, catalog: Catalog, context: Context) -> FieldInputs:
        return FieldInputs(np.ones(len(catalog), np.bool_))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        with torch_seed(context.seed):
            self._network = Layer(train.targets.shape[1])
        watched = self._watched(validation, context)
        self._facts = {
            "epochs": self._train(
                self.batches(train.inputs, context), train.targets, watched, context
            )
        }
        return self

    def batches(self, inputs: Any, context: Context, view: int = 0) -> Column:
        values = np.arange(len(inputs), dtype=np.float32)[:, None]
        return Column(-values if view else values)

    def weights(self) -> Mapping[str, Tensor]:
        return self.network.state_dict()

    def rebuild(self, state: State) -> Layer:
        network = Layer(len(state.arrays["output.bias"]))
        network.load_state_dict(with_prefix("", state.arrays))
        return network


def fitted() -> tuple[TwoViews, FieldInputs]:
    inputs = FieldInputs(np.ones(6, np.bool_))
    examples = Examples(inputs, np.eye(6, 3, dtype=np.float32))
    return TwoViews(Settings(), "number").fit(examples, examples, Context(seed=1)), inputs


def test_views_are_averaged() -> None:
    member, inputs = fitted()
    probabilities, features = member.predict(inputs, Context())
    with torch.inference_mode():
        values = torch.arange(6.0)[:, None]
        wanted = (member.network(values).sigmoid() + member.network(-values).sigmoid()) / 2
    np.testing.assert_allclose(probabilities, wanted.numpy(), atol=1e-6)
    assert probabilities.dtype == np.float32
    assert not features.any(), "a number and its negative"


def test_it_comes_back_from_its_state_without_touching_randomness() -> None:
    member, inputs = fitted()
    before = torch.random.get_rng_state()
    restored = TwoViews(Settings(), "number").restore(member.state())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not restored.network.training
    for ours, theirs in zip(
        member.predict(inputs, Context()), restored.predict(inputs, Context()), strict=True
    ):
        assert np.array_equal(ours, theirs)
    assert restored.provenance() == member.provenance() == {"epochs": 2}


def test_before_fitting_it_says_so() -> None:
    member = TwoViews(Settings(), "number")
    for use in (lambda: member.predict(FieldInputs(np.ones(1, np.bool_)), Context()), member.state):
        with pytest.raises(NotFittedError, match="the network of 'number' is not fitted"):
            use()
