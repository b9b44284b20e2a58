"""A plug-in of another package that writes into what it is given is refused, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pytest

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.core.plugin_calls import fit_policy, fused
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.read_only import lent
from shelfwise.core.types import (
    Context,
    Examples,
    FieldInputs,
    Floats,
    MemberOutputs,
    PluginSettings,
    Rows,
    State,
)
from shelfwise.errors import PluginError
from shelfwise.fusion.mean import Mean

Harm = Callable[[Any], None]


@dataclass(frozen=True)
class Numbers(FieldInputs):
    """A number for each product."""

    values: Floats

    def take(self, rows: Rows) -> Numbers:
        return Numbers(self.present[rows], self.values[rows])


class Careless(Modality):
    """Does something to what it is given."""

    Settings = PluginSettings

    def __init__(self, harm_in_fit: Harm, harm_in_predict: Harm) -> None:
        super().__init__(PluginSettings(), "title")
        self.harm_in_fit = harm_in_fit
        self.harm_in_predict = harm_in_predict

    def prepare(self, catalog: Any, context: Context) -> Any:
        raise NotImplementedError

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        self.harm_in_fit(train)
        return self

    def predict(self, inputs: Numbers, context: Context) -> tuple[Floats, Floats]:
        self.harm_in_predict(inputs)
        return np.zeros((len(inputs), 2), np.float32), np.zeros((len(inputs), 1), np.float32)

    def state(self) -> State:
        raise NotImplementedError

    def restore(self, state: State) -> Self:
        raise NotImplementedError


class CarelessPolicy(FusionPolicy):
    """Does something to what it is given."""

    Settings = PluginSettings

    def __init__(self, harm: Harm) -> None:
        super().__init__(PluginSettings())
        self.harm = harm

    def fit(self, *given: Any) -> Self:
        self.harm(given)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        self.harm((outputs,))
        return outputs.scores[:, 0]


def nothing(given: Any) -> None:
    """Do no harm."""


def add_to_targets(train: Examples) -> None:
    train.targets += 1


def sort_inputs(train: Examples) -> None:
    train.inputs.values.sort()


def clip_values(inputs: Numbers) -> None:
    np.clip(inputs.values, 0, 0, out=inputs.values)


def mark_as_absent(inputs: Numbers) -> None:
    inputs.present[:] = False


def products() -> Examples:
    inputs = Numbers(np.ones(4, np.bool_), np.arange(4, 0, -1).astype(np.float32))
    return Examples(inputs, np.zeros((4, 2), np.float32))


WRITES = r"the plug-in Careless\w* changes arrays that it was given to read .*read-only.*on a copy"


@pytest.mark.parametrize("harm", [add_to_targets, sort_inputs])
def test_a_member_changes_nothing_while_it_is_fitted(harm: Harm) -> None:
    train = products()
    with pytest.raises(PluginError, match=WRITES):
        fit_present(Careless(harm, nothing), train, None, Context())
    assert not train.targets.any()
    assert train.inputs.values.tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize("harm", [clip_values, mark_as_absent])
def test_a_member_changes_nothing_while_it_predicts(harm: Harm) -> None:
    inputs = products().inputs
    with pytest.raises(PluginError, match=WRITES):
        predict_present(Careless(nothing, harm), inputs, 2, Context())
    assert inputs.values.all()
    assert inputs.present.all()


def outputs_of_members() -> MemberOutputs:
    ones = np.ones((4, 1, 2), np.float32)
    return MemberOutputs(ones, np.ones((4, 1), np.bool_), (np.ones((4, 3), np.float32),))


POLICY_HARMS: list[Harm] = [
    lambda given: given[0].scores.fill(0),
    lambda given: given[0].present.fill(False),
    lambda given: given[0].features[0].fill(0),
]


@pytest.mark.parametrize("harm", POLICY_HARMS)
def test_a_policy_changes_nothing(harm: Harm) -> None:
    outputs, targets = outputs_of_members(), np.ones((4, 2), np.float32)
    policy = CarelessPolicy(harm)
    with pytest.raises(PluginError, match=WRITES):
        fused(policy, outputs)
    with pytest.raises(PluginError, match=WRITES):
        fit_policy(policy, outputs, targets, (outputs, targets), Context())
    assert outputs.scores.all()
    assert outputs.present.all()
    assert outputs.features[0].all()


@pytest.mark.parametrize("place", [1, 2])
def test_a_policy_changes_no_targets(place: int) -> None:
    outputs, targets = outputs_of_members(), np.ones((4, 2), np.float32)

    def harm(given: Any) -> None:
        found = given[place]
        (found if place == 1 else found[1]).fill(0)

    with pytest.raises(PluginError, match=WRITES):
        fit_policy(CarelessPolicy(harm), outputs, targets, (outputs, targets), Context())
    assert targets.all()


def test_another_error_of_a_plugin_stays_what_it_is() -> None:
    def fail(given: Any) -> None:
        raise ValueError("a fault of its own")

    with pytest.raises(ValueError, match="a fault of its own"):
        fused(CarelessPolicy(fail), outputs_of_members())


def test_ours_are_given_the_arrays_as_they_are() -> None:
    outputs = outputs_of_members()
    assert lent(Mean(PluginSettings()), outputs) is outputs
