"""A saved image encoder needs neither the hub nor a weight file to come back."""

import json

import numpy as np
import torch

from shelfwise.nn.state_tensors import as_arrays
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.encoder_state import encoder_tensors, restored_encoder, source_facts
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.pretrained_weights import find_weights

SETTINGS = ImageEncoderSettings(
    backbone="test_efficientnet", weights="random", size=32, train_last=0
)


def test_the_encoder_sees_what_it_saw() -> None:
    source = find_weights("test_efficientnet", "random")
    encoder = ImageEncoder.open(source, SETTINGS)
    with torch.no_grad():
        for parameter in encoder.backbone.parameters():
            parameter.mul_(1.5)  # other weights than a new backbone has
    facts = json.loads(json.dumps({**source_facts(source), "epochs": 3}))
    arrays = as_arrays(encoder_tensors(encoder))
    assert all(name.startswith("backbone.") for name in arrays)
    elsewhere = SETTINGS.model_copy(update={"weights": "no such file"})
    restored = restored_encoder(facts, elsewhere, {**arrays, "head.bias": np.zeros(2, np.float32)})
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    assert np.array_equal(encoder.encoder().run(pixels), restored.encoder().run(pixels))
