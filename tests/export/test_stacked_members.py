"""Models of linear classifiers, kernels, encoders, graphs and tables as one graph that runs without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import write_sample
from shelfwise.commands.export import export_bundle
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import PRESENT, OnnxModel
from shelfwise.model.model import Model

CLOSE = 1e-4
WORDS = ("mug", "handle", "lamp", "shoe", "blue", "red", "the", "with", "and", "for")
FAST = {"epochs": 1, "batch_size": 128}
SHARED: dict[str, Any] = {
    "labels": {"min_count": 8},
    "evaluation": {"bootstrap": 20},
    "stacking": {"folds": 2},
}
NETWORK = {"hidden": [[16, "tanh"]], "training": {"epochs": 2}}
BLEND = [
    {"policy": "logistic"},
    {"policy": "policy", "settings": NETWORK, "answer_rare_patterns": False},
]


def every_kind(encoder: Path) -> dict[str, Any]:
    """Settings with a member of each kind, encoders frozen and tuned, and members that share them."""
    own = {"encoder": str(encoder), "max_tokens": 8}
    kernel = {**own, "backbone": "tf_efficientnet_lite0", "landmarks": 30}
    head = {**own, "hidden": 8, "training": FAST, "tuning": {"epochs": 1}}
    walks = {"dimensions": 8, "walks": 2, "length": 5}
    embedding = {"input": "embedding", "walks": walks, "training": FAST}
    members = {
        "title": ("text_linear", "title", {}),
        "all": ("kernel_logistic", "title+description+image+related", kernel),
        "image": ("kernel_logistic", "image", kernel),
        "mirrored": (
            "image",
            "image",
            {
                "backbone": "test_efficientnet",
                "weights": "random",
                "train_last": 0,
                "flip": True,
                "training": FAST,
            },
        ),
        "links": ("kernel_logistic", "related", kernel),
        "frozen": (
            "text_transformer",
            "title+description",
            {**head, "train_last": 0, "present": "all"},
        ),
        "tuned": ("text_transformer", "title+description", {**head, "train_last": 1}),
        "graph": ("graph", "related", embedding),
        "tabular": ("tabular", "price+brand", {"training": FAST}),
    }
    return {
        **SHARED,
        "calibration": "isotonic",
        "split": {"validation_fraction": 0},
        "stacking": {"folds": 2, "fitted_on": "oof"},
        "threshold": "global",
        "decide_with": "blend",
        "members": {
            name: {"modality": modality, "field": field, "settings": settings}
            for name, (modality, field, settings) in members.items()
        },
        "systems": {"blend": {"policy": "blend", "settings": {"parts": BLEND}}},
    }


@pytest.fixture(scope="session")
def stacked(
    make_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A model with a member of each kind that the preset `recommended` has, and its export."""
    folder = tmp_path_factory.mktemp("stacked")
    encoder = make_encoder(folder / "encoder", WORDS, longest=128)
    catalog = write_sample(folder / "sample", products=100)
    train(catalog, folder / "model", Config.parse(every_kind(encoder)), context=Context())
    export_bundle(folder / "model", folder / "graph")
    return folder / "model", folder / "graph"


@pytest.fixture(scope="session")
def quick_models(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of the preset `quick`, and its export."""
    folder = tmp_path_factory.mktemp("quick")
    training = {"settings": {"training": FAST}}
    changes = {**SHARED, "members": {"graph": training, "tabular": training}}
    train(sample, folder / "model", Config.load("quick", changes=changes), context=Context())
    export_bundle(folder / "model", folder / "graph")
    return folder / "model", folder / "graph"


@pytest.fixture(scope="session", params=["quick", pytest.param("stacked", marks=pytest.mark.slow)])
def pair(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A model and its export."""
    name = "quick_models" if request.param == "quick" else "stacked"
    folders: tuple[Path, Path] = request.getfixturevalue(name)
    return folders


def opened(pair: tuple[Path, Path]) -> tuple[Model, OnnxModel]:
    model, graph = map(open_model, pair)
    assert isinstance(model, Model)
    assert isinstance(graph, OnnxModel)
    return model, graph


def products_of(sample: Path, model: Model) -> Catalog:
    """Products of the sample, and some that lack fields or whose words nobody knows."""
    catalog = read_catalog(sample, model.config.catalog).catalog
    some = catalog.table.slice(0, 40).to_pylist()
    first = some[0]
    bare: list[dict[str, Any]] = [
        {**first, "id": "no image", "image": None},
        {**first, "id": "no list", "related": None},
        {**first, "id": "no price", "price": None, "brand": None},
        {"id": "no text", "related": first["related"], "price": 3.0},
        {"id": "title alone", "title": first["title"]},
        {"id": "blank title", "title": "  ", "description": first["description"]},
        {"id": "unheard of", "title": "qzx vvkw", "description": "wqqz jjxv"},
        {"id": "nothing"},
        {"id": "lost image", "title": first["title"], "image": "no.jpg"},
    ]
    return Catalog.from_records([*some, *bare], catalog.root)


def test_scores_decisions_and_refusals_are_the_models_own(
    pair: tuple[Path, Path], sample: Path
) -> None:
    model, graph = opened(pair)
    products = products_of(sample, model)
    wanted, given = (one.predict_members(products, Context()) for one in (model, graph))
    before, after = model.scores(wanted), graph.scores(given)
    assert np.abs(before - after).max() < CLOSE
    assert before.std() > 0.05  # scores that hardly vary would be close to anything
    assert (model.decide(before) == graph.decide(after)).all()
    assert sorted(given.refused, key=str) == sorted(wanted.refused, key=str)
    assert graph.fields == model.fields


def test_products_that_nobody_knows_get_no_label(quick_models: tuple[Path, Path]) -> None:
    _, graph = opened(quick_models)
    unheard = Catalog.from_records([{"id": "0", "title": "qzx vvkw"}])
    answers = graph.predict_members(unheard, Context())
    assert not graph.scores(answers).any()
    assert [one.reason for one in answers.refused] == ["the model knows none of its words"]


def test_a_price_is_no_knowledge_of_a_product(quick_models: tuple[Path, Path]) -> None:
    unheard = {"title": "qzx vvkw", "description": "wqqz jjxv", "price": 3.0}
    records = [{"id": "unheard", **unheard}, {"id": "price alone", "price": 3.0}]
    for predictor in opened(quick_models):
        answers = predictor.predict_members(Catalog.from_records(records), Context())
        scored = predictor.scores(answers).any(axis=1)
        # where there is nothing but a price, the model says what it knows of prices
        assert scored.tolist() == [False, True]
        assert {one.field: one.reason for one in answers.refused} == {
            "title": "the model knows none of its words",
            "description": "the model knows none of its words",
            "price": "the model knows nothing else of the product",
        }


@pytest.mark.slow
def test_an_exported_model_comes_back_from_disk_as_it_was(
    stacked: tuple[Path, Path], sample: Path, tmp_path: Path
) -> None:
    from shelfwise.model.bundle import save_bundle

    model, graph = opened(stacked)
    save_bundle(graph.bundle(), tmp_path / "again")
    for name in ("model.onnx", "input.all.tokens.safetensors", "facts.json"):
        assert (tmp_path / "again" / name).read_bytes() == (stacked[1] / name).read_bytes()
    again = open_model(tmp_path / "again")
    products = products_of(sample, model)
    first, second = (one.scores(one.predict_members(products, Context())) for one in (graph, again))
    assert (first == second).all()


@pytest.mark.slow
def test_encoders_run_once_for_all_members(stacked: tuple[Path, Path]) -> None:
    _, graph = opened(stacked)
    inputs = [one.name for one in onnxruntime.InferenceSession(graph.graph.read()).get_inputs()]
    assert inputs[0] == PRESENT
    assert [name for name in inputs if name.endswith((".tokens", ".pixels"))] == [
        "all.tokens",
        "all.pixels",
    ]
    constants = onnx.load_from_string(graph.graph.read()).graph.initializer
    # the first convolution of EfficientNet-Lite0, which three members read
    assert sum(list(one.dims) == [32, 3, 3, 3] for one in constants) == 1


def test_a_product_is_answered_alike_in_any_company(pair: tuple[Path, Path], sample: Path) -> None:
    model, graph = opened(pair)
    products = products_of(sample, model)
    together = graph.scores(graph.predict_members(products, Context()))
    for row in (0, 7, 40, 44):
        alone = products.take([row])
        scores = graph.scores(graph.predict_members(alone, Context()))[0]
        np.testing.assert_allclose(scores, together[row], atol=1e-5)


def test_predicts_in_a_process_that_imports_no_torch(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "predicted.jsonl"
    catalog = write_sample(tmp_path / "sample", products=20)
    words = ["predict", str(pair[1]), str(catalog), "--out", str(out)]
    code = (
        "import sys\nfrom shelfwise.cli.main import main\n"
        f"sys.argv = ['shelfwise', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "heavy = {'torch', 'timm', 'transformers', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert sum("refused" not in row for row in rows) == 20


def test_a_changed_vocabulary_is_refused(quick_models: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(quick_models[1], copy)
    path = copy / "input.title.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match="is not what was written"):
        open_model(copy)
