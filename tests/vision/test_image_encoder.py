"""The frozen part of a backbone on a GPU: other batches, bfloat16 where there is some, rows of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shelfwise.core.device_request import DEVICE_VARIABLE
from shelfwise.nn import device
from shelfwise.vision import image_encoder
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.pretrained_weights import find_weights


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine with a GPU: a test says itself what it pretends."""
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")


def make_encoder(train_last: Any = 0) -> ImageEncoder:
    source = find_weights("test_efficientnet", "random")
    settings = ImageEncoderSettings(
        backbone="test_efficientnet", weights="random", size=32, train_last=train_last
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ImageEncoder.open(source, settings)


def make_pixels(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


def test_rows_in_bfloat16_are_near_and_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = make_encoder().encoder()
    expected = exact.run(make_pixels(4)).astype(np.float32)
    monkeypatch.setattr(device, "_has_bfloat16", lambda: True)
    encoder = make_encoder().encoder()
    found = encoder.run(make_pixels(4)).astype(np.float32)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 0 < error < 0.05
    assert encoder.dtype == "float16"
    assert encoder.identity != exact.identity


def test_pixels_are_the_same_in_any_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = make_encoder("all").encoder().identity
    monkeypatch.setattr(device, "_has_bfloat16", lambda: True)
    assert make_encoder("all").encoder().identity == identity


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_rows_stay_finite_in_half_precision(dtype: torch.dtype) -> None:
    rows = torch.full((1, 4), 1e9, dtype=dtype)
    assert image_encoder._to_row(rows).tolist() == [[65504.0] * 4]


def test_on_a_gpu_batches_are_larger_and_fetched_from_pinned_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = make_encoder().encoder().run(make_pixels(4))
    pinned: list[torch.Size] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.shape)
        return tensor

    # a card that computes as the processor does
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(image_encoder, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(image_encoder, "device_with_room", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor)
    monkeypatch.setattr(nn.Module, "to", lambda module, *_, **__: module)
    encoder = make_encoder().encoder()
    assert encoder.batch == image_encoder.BATCH_ON_GPU
    np.testing.assert_array_equal(encoder.run(make_pixels(4)), expected)
    assert pinned == [torch.Size((4, 32, 32, 3))]
    # batches whose statistics count stay the paper's
    assert make_encoder().encoder(batch_stats=True).batch == image_encoder.BATCH_STATS_BATCH
