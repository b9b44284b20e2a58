"""Tensors as arrays of a saved model, and back."""

import numpy as np
import torch

from shelfwise.nn.state_tensors import as_arrays, with_prefix


def test_arrays_are_copies_in_plain_order_without_scalars() -> None:
    weight = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    parameter = torch.nn.Parameter(torch.ones(2))
    arrays = as_arrays({"weight": weight, "count": torch.tensor(3), "bias": parameter})
    assert list(arrays) == ["weight", "bias"]
    assert arrays["weight"].flags["C_CONTIGUOUS"]
    assert np.array_equal(arrays["weight"].ravel(), np.arange(24.0))
    weight.zero_()
    assert arrays["weight"].any()


def test_a_prefix_selects_and_is_left_out() -> None:
    arrays = {"head.bias": np.ones(2, np.float32), "body.head.bias": np.zeros(2, np.float32)}
    tensors = with_prefix("head.", arrays)
    assert list(tensors) == ["bias"]
    tensors["bias"].zero_()
    assert arrays["head.bias"].all(), "a tensor of its own"
    assert list(with_prefix("", arrays)) == list(arrays)
