"""What many tests need: a small catalogue, settings that train in seconds, and one trained model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
from typer.testing import CliRunner

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import write_sample
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context

# the same examples in every run; new ones are looked for by `make fuzz`
hypothesis.settings.register_profile("reproducible", derandomize=True)
hypothesis.settings.load_profile("reproducible")

QUICK: dict[str, Any] = {
    "labels": {"min_count": 8},
    "evaluation": {"bootstrap": 50},
    "stacking": {"folds": 2},
    "members": {
        "title": {
            "settings": {"filters": 24, "hidden": 24, "training": {"epochs": 3, "batch_size": 64}}
        },
        "description": {
            "settings": {"filters": 24, "hidden": 24, "training": {"epochs": 3, "batch_size": 64}}
        },
        "image": {
            "settings": {
                "backbone": "test_efficientnet",
                "weights": "random",
                "train_last": 0,
                "training": {"epochs": 2, "batch_size": 64},
            }
        },
    },
}
"""Laid over a preset: every part runs, none for long. The scores mean nothing."""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Many threads for very small fits mostly wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def ten_rows() -> set[str]:
    """The rows of the paper's Tables 1 and 3, by our names."""
    return {
        "title",
        "description",
        "image",
        "max",
        "mean",
        "ridge",
        "image+description",
        "image+title",
        "title+description",
        "image+title+description",
    }


@pytest.fixture(scope="session")
def quick() -> dict[str, Any]:
    """Settings to lay over a preset so that it trains in seconds."""
    return QUICK


@pytest.fixture(scope="session")
def make_encoder() -> Callable[..., Path]:
    """Writes a BERT of two layers with random weights to a folder, and a tokenizer of the given words."""

    def make(folder: Path, words: Sequence[str], seed: int = 0, longest: int = 32) -> Path:
        import torch
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        known = {word: i for i, word in enumerate(["[PAD]", "[UNK]", ".", *words])}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            shape = {
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 32,
            }
            BertModel(
                BertConfig(vocab_size=len(known), max_position_embeddings=longest, **shape)
            ).save_pretrained(folder)
        tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]"
        ).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded sample catalogue, 240 products."""
    return write_sample(tmp_path_factory.mktemp("sample"), products=240)


@pytest.fixture(scope="session")
def records(sample: Path) -> list[dict[str, Any]]:
    """The products of the sample as plain dictionaries."""
    wanted = ["id", "title", "description", "image", "categories"]
    return read_catalog(sample).catalog.table.select(wanted).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def trained(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder trained on the sample with the paper's preset, made quick."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    train(sample, folder, Config.load("paper", changes=QUICK), context=Context())
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Files of a private key that signs models, and of its public one."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    plain = pem.NoEncryption()
    private.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, plain))
    info = pem.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem.Encoding.PEM, info))
    return private, public


def save_title_model(catalog: Catalog, folder: Path, min_count: int) -> Path:
    """Train one member that reads titles, in a second or two, and save it as a model."""
    from shelfwise.model.bundle import save_bundle
    from shelfwise.training.fit import fit_catalog

    changes: dict[str, Any] = {
        "labels": {"min_count": min_count},
        "split": {"validation_fraction": 0},
        "stacking": {"folds": 3},
        "decide_with": "text",
        "members": {"text": {"modality": "text_linear", "field": "title"}},
        "systems": {},
    }
    model = fit_catalog(catalog, Config.load("quick", changes=changes), Context())
    save_bundle(model.bundle(), folder)
    return folder


@pytest.fixture(scope="session")
def title_model(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: one member that reads titles, trained on the sample."""
    folder = tmp_path_factory.mktemp("titles") / "model"
    return save_title_model(read_catalog(sample).catalog, folder, min_count=8)


@pytest.fixture(scope="session")
def command(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``shelfwise ARGUMENTS`` in this process, from its entry point on, as a shell would see it.

    A new interpreter would import torch again each time. Tests of what only a process of its own has, such as
    its imports, its log lines and its end by a kill, start one.
    """
    from shelfwise.cli.main import main

    cache = str(tmp_path_factory.mktemp("cache"))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        argv = ["shelfwise", *map(str, arguments)]
        with (
            CliRunner().isolation() as (out, error, _),
            mock.patch.object(sys, "argv", argv),
            # both would outlive the command: the entry point may change them, as the process is its own
            mock.patch.object(sys, "excepthook", sys.excepthook),
            mock.patch.dict(os.environ, {"SHELFWISE_CACHE": cache}),
            mock.patch("shelfwise.nn.memory.tune_malloc"),
        ):
            code: Any = 0
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
            sys.stdout.flush()
            sys.stderr.flush()
            texts = [stream.getvalue().decode() for stream in (out, error)]
        return subprocess.CompletedProcess(argv, code, *texts)

    return run


@pytest.fixture
def weights_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks a network for its weights finds them on a pretended GPU, where numpy cannot read them."""
    from torch import Tensor, nn

    class OnGpu(Tensor):
        def cpu(self, *arguments: Any, **named: Any) -> Tensor:
            return self.as_subclass(Tensor)

        def numpy(self, *arguments: Any, **named: Any) -> Any:
            raise TypeError("this tensor is on a GPU")

        __array__ = numpy

    weights_of, parameters_of = nn.Module.state_dict, nn.Module.named_parameters

    def state_dict(module: nn.Module, *arguments: Any, **named: Any) -> dict[str, Tensor]:
        weights = weights_of(module, *arguments, **named)
        return {name: value.as_subclass(OnGpu) for name, value in weights.items()}

    def named_parameters(module: nn.Module, *arguments: Any, **named: Any) -> Any:
        for name, value in parameters_of(module, *arguments, **named):
            yield name, value.as_subclass(OnGpu).requires_grad_(value.requires_grad)

    monkeypatch.setattr(nn.Module, "state_dict", state_dict)
    monkeypatch.setattr(nn.Module, "named_parameters", named_parameters)
