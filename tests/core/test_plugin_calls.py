"""Answers of plug-ins that are wrong are refused: numpy would spread some of them over the wrong products."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.plugin_calls import checked, fused
from shelfwise.core.types import Floats, MemberOutputs, PluginSettings
from shelfwise.errors import PluginError


class Plugin(FusionPolicy):
    """Answers what it was given."""

    Settings = PluginSettings

    def __init__(self, answer: Floats) -> None:
        super().__init__(PluginSettings())
        self.answer = answer

    def fit(self, *arguments: Any) -> Self:
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        return self.answer


def test_an_answer_of_the_right_shape_is_taken() -> None:
    answer = np.zeros((3, 2), np.float32)
    assert checked(object(), answer, 3, 2) is answer
    # a member may have features of any number, and none
    assert checked(object(), answer[:, :0], 3).shape == (3, 0)


@pytest.mark.parametrize("shape", [(1, 2), (3, 1), (2, 2), (4, 2), (2,), (), (3, 2, 1)])
def test_an_answer_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    outputs = MemberOutputs(np.zeros((3, 1, 2), np.float32), np.ones((3, 1), np.bool_), ())
    with pytest.raises(PluginError, match=r"Plugin answered with an array .*, expected \(3, 2\)"):
        fused(Plugin(np.zeros(shape, np.float32)), outputs)


@pytest.mark.parametrize("shape", [(1, 5), (3,), (3, 2, 1)])
def test_features_of_other_products_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PluginError, match=r"expected \(3, any\)"):
        checked(object(), np.zeros(shape, np.float32), 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    answer = np.zeros((3, 2), np.float32)
    answer[1, 1] = value
    with pytest.raises(PluginError, match="infinite values or with none"):
        checked(object(), answer, 3, 2)
