"""What trains, against the paper's list of layers; where a network is cut, against the whole network."""

from itertools import pairwise

import pytest
import timm
import torch
from torch import nn

from shelfwise.vision.graph_split import Normalise, fuse_batch_norm, modules_in_order, split_at
from shelfwise.vision.image_encoder import count_weighted_layers
from shelfwise.vision.layer_freezing import freeze, keras_resnet50, set_frozen, trained_modules

LAYER4 = {
    f"layer4.{block}.{part}"
    for block in range(3)
    for part in (
        "conv1",
        "bn1",
        "conv2",
        "bn2",
        "conv3",
        "bn3",
        *(("downsample.0", "downsample.1") if block == 0 else ()),
    )
}
END_OF_LAYER3 = {"layer3.5.bn2", "layer3.5.conv3", "layer3.5.bn3"}


@pytest.fixture(scope="module")
def resnet50() -> nn.Module:
    with torch.device("meta"):
        return timm.create_model("resnet50", num_classes=0)


def test_keras_layers_have_all_of_timms(resnet50: nn.Module) -> None:
    layers = keras_resnet50()
    assert len(layers) == 177
    assert {name for name in layers if name} == {*modules_in_order(resnet50), "fc"}


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (0, set()),
        (2, set()),
        (
            10,
            {"layer4.2.conv2", "layer4.2.bn2", "layer4.2.conv3", "layer4.2.bn3"},
        ),  # and two activations, the sum, one more, pooling, head
        (24, {name for name in LAYER4 if not name.startswith("layer4.0")}),
        (34, LAYER4),
        (40, LAYER4 | END_OF_LAYER3),
    ],
)
def test_the_papers_counting(resnet50: nn.Module, last: int, expected: set[str]) -> None:
    assert trained_modules(resnet50, "resnet50", last) == expected


def test_longer_counts_hold_shorter_ones(resnet50: nn.Module) -> None:
    sets = [
        trained_modules(resnet50, "resnet50", last)
        for last in (0, 2, 10, 24, 34, 40, 80, 177, 1000)
    ]
    assert all(a <= b for a, b in pairwise(sets))
    assert sets[-1] == sets[-2] == trained_modules(resnet50, "resnet50", "all")


@pytest.mark.parametrize(
    ("last", "keras", "ours"), [(40, 15_491_706, 15_479_418), (24, 9_181_306, 9_175_162)]
)
def test_number_of_trained_weights(resnet50: nn.Module, last: int, keras: int, ours: int) -> None:
    """Keras' convolutions have biases, torch's have none; all other numbers are the same (122 labels)."""
    trained = trained_modules(resnet50, "resnet50", last)
    freeze(resnet50, trained)
    head = 2048 * 122 + 122
    weights = sum(p.numel() for p in resnet50.parameters() if p.requires_grad) + head
    biases = sum(
        m.out_channels
        for name in trained
        if isinstance(m := resnet50.get_submodule(name), nn.Conv2d)
    )
    assert weights == ours
    assert weights + biases == keras


def test_other_backbones_count_modules_with_weights() -> None:
    with torch.device("meta"):
        network = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    assert trained_modules(network, "tf_efficientnet_lite0", 1) == set()
    assert trained_modules(network, "tf_efficientnet_lite0", 3) == {"conv_head", "bn2"}
    forty = trained_modules(network, "tf_efficientnet_lite0", 40)
    assert len(forty) == 39
    assert {name for name in forty if name.startswith("blocks.4.1")} == {"blocks.4.1.bn3"}


def test_a_stand_in_trains_as_many_layers_with_weights() -> None:
    assert [count_weighted_layers(last, "resnet50") for last in (0, 24, 40, "all")] == [
        0,
        13,
        24,
        "all",
    ]


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_vit", "test_convnext"])
@pytest.mark.parametrize("last", [0, 5, 12, "all"])
def test_the_parts_are_the_whole(name: str, last: int) -> None:
    network = timm.create_model(name, num_classes=0).eval()
    parts = split_at(network, trained_modules(network, name, last))
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        whole = network(images)
        crossing = images if parts.frozen is None else parts.frozen(images)
        assert torch.equal(parts.trained(crossing), whole)
        if parts.frozen is not None:
            torch.testing.assert_close(
                fuse_batch_norm(parts.frozen)(images), crossing, rtol=1e-3, atol=1e-4
            )
    assert last != "all" or parts.frozen is None


def test_nothing_that_trains_is_in_the_frozen_part() -> None:
    network = timm.create_model("test_efficientnet", num_classes=0)
    trained = trained_modules(network, "test_efficientnet", 8)
    freeze(network, trained)
    parts = split_at(network, trained)
    assert parts.frozen is not None
    assert not any(p.requires_grad for p in parts.frozen.parameters())
    assert (
        sum(p.requires_grad for p in parts.trained.parameters())
        == sum(p.requires_grad for p in network.parameters())
        > 0
    )


@pytest.mark.parametrize("rule", ["inference", "batch_stats"])
def test_frozen_batch_norms(rule: str) -> None:
    network = timm.create_model("test_resnet", num_classes=0)
    norms = freeze(network, trained_modules(network, "test_resnet", 4))
    network.train()
    set_frozen(norms, True, rule)  # type: ignore[arg-type]
    before = [norm.running_mean.clone() for norm in norms]  # type: ignore[union-attr,operator]
    assert norms
    assert all(norm.training == (rule == "batch_stats") for norm in norms)
    network(torch.rand(4, 3, 64, 64))
    assert all(torch.equal(a, norm.running_mean) for a, norm in zip(before, norms, strict=True))  # type: ignore[arg-type]


def test_caffe_rule_reverses_channels_and_subtracts_means() -> None:
    pixel = torch.tensor([[[[200, 100, 50]]]], dtype=torch.uint8)
    caffe = Normalise.of("caffe", {})(pixel).flatten()
    torch.testing.assert_close(caffe, torch.tensor([50 - 103.939, 100 - 116.779, 200 - 123.68]))
    own = Normalise.of("backbone", {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)})(
        pixel
    ).flatten()
    torch.testing.assert_close(own, torch.tensor([200, 100, 50]) / 127.5 - 1)
