"""An exported model predicts as the model it was exported from; what cannot be exported is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

import shelfwise
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.categorizer import Categorizer
from shelfwise.core.catalog import Catalog
from shelfwise.core.presence import fit_present
from shelfwise.core.types import Context, Examples, MemberOutputs, PluginSettings
from shelfwise.decision.calibration import Calibration
from shelfwise.errors import BundleError, ConfigError, LabelError, PluginError
from shelfwise.export.calibration_graph import calibration_network
from shelfwise.export.fusion_graph import fusion_network
from shelfwise.export.graph import OPSET
from shelfwise.export.member_graph import part
from shelfwise.export.quantization import in_eight_bits
from shelfwise.export.readers import reader
from shelfwise.export.runtime import OnnxModel
from shelfwise.fusion.blend import Blend, BlendSettings
from shelfwise.fusion.hierarchical import Hierarchical
from shelfwise.fusion.logistic import Logistic, LogisticSettings
from shelfwise.fusion.maximum import Maximum
from shelfwise.fusion.mean import Mean, MeanSettings
from shelfwise.fusion.policy import Policy
from shelfwise.fusion.ridge import Ridge, RidgeSettings
from shelfwise.modalities.text_cnn import TextCnn, TextCnnSettings
from shelfwise.modalities.text_linear import TextLinear
from shelfwise.model.bundle import load_bundle
from shelfwise.nn.fusion.policy_network import PolicySettings
from shelfwise.nn.training_loop import LoopSettings

CLOSE = 1e-4


@pytest.fixture(scope="module")
def products(sample: Path, trained: Path) -> Catalog:
    """The sample's products, and one each without an image, without words, and without anything."""
    catalog = read_catalog(sample, Categorizer.load(trained).model_.config.catalog).catalog
    some = catalog.table.slice(0, 60).to_pylist()
    bare = [
        {**some[0], "image": None},
        {**some[1], "title": None, "description": None},
        {"id": "none"},
        {"id": "lost", "image": "no.jpg"},
    ]
    return Catalog.from_records([*some, *bare], catalog.root)


def test_scores_and_refusals_are_the_models_own(
    trained: Path, exported: Path, products: Catalog
) -> None:
    model, graph = (Categorizer.load(folder).model_ for folder in (trained, exported))
    assert isinstance(graph, OnnxModel)
    wanted, given = (one.predict_members(products, Context()) for one in (model, graph))
    assert np.abs(graph.scores(given) - model.scores(wanted)).max() < CLOSE
    assert model.scores(wanted).std() > 0.05  # scores that hardly vary would be close to anything
    assert sorted(given.refused, key=str) == sorted(wanted.refused, key=str)
    assert not graph.scores(given)[-2:].any()


def test_a_product_is_answered_alike_in_any_company(exported: Path, products: Catalog) -> None:
    graph = Categorizer.load(exported).model_
    together = graph.scores(graph.predict_members(products, Context()))
    for row in (0, 7, 61):
        alone = products.take([row])
        np.testing.assert_allclose(
            graph.scores(graph.predict_members(alone, Context()))[0], together[row], atol=1e-5
        )


def test_the_graph_names_no_file_of_the_machine_that_made_it(exported: Path) -> None:
    graph = (exported / "model.onnx").read_bytes()
    assert str(Path(shelfwise.__file__).parent).encode() not in graph
    assert b"site-packages" not in graph
    assert b".py" not in graph


def test_predicts_without_torch(exported: Path, tmp_path: Path, sample: Path) -> None:
    out = tmp_path / "predicted.jsonl"
    code = (
        "import sys; sys.modules['torch'] = sys.modules['timm'] = None\n"
        "from pathlib import Path\n"
        "from shelfwise.model.bundle import load_bundle\nfrom shelfwise.core.types import Context\n"
        "from shelfwise.export.runtime import OnnxModel\n"
        "from shelfwise.commands.predict import predict_catalog\n"
        f"model = OnnxModel.from_bundle(load_bundle(Path({str(exported)!r})))\n"
        f"predict_catalog(model, Path({str(sample)!r}), Path({str(out)!r}), Context())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    first = json.loads(out.read_text("utf-8").splitlines()[0])
    assert set(first["scores"]) == set(load_bundle(exported).labels)


def test_a_changed_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    graph = bytearray((copy / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (copy / "model.onnx").write_bytes(graph)
    with pytest.raises(BundleError, match="is not what was written"):
        load_bundle(copy)


def test_eight_bits_pass_their_gate_or_are_refused(exported: Path, products: Catalog) -> None:
    graph = OnnxModel.from_bundle(load_bundle(exported))
    smaller = in_eight_bits(graph, products, 1.0, Context())
    assert {"products", "before", "after", "allowed"} == set(smaller.facts["int8"])
    assert b"QuantizeLinear" in smaller.graph.read()
    nodes = onnx.load_from_string(smaller.graph.read()).graph.node
    giver = {name: node.op_type for node in nodes for name in node.output}
    flat = [
        node
        for node in nodes
        if node.op_type == "Conv"
        and any(a.name == "strides" and len(a.ints) == 2 for a in node.attribute)
    ]
    over_images = [giver.get(node.input[1]) for node in flat]
    assert over_images[:6] == [None] * 6  # the first stay float
    assert set(over_images[6:]) == {"DequantizeLinear"}
    assert b"QuantizeLinear" not in graph.graph.read()
    near = np.abs(
        smaller.scores(smaller.predict_members(products, Context()))
        - graph.scores(graph.predict_members(products, Context()))
    )
    assert 0 < near.mean() < 0.1
    with pytest.raises(ConfigError, match="in 8 bits macro-F1"):
        in_eight_bits(graph, products, -1.0, Context())
    with pytest.raises(LabelError, match="labelled"):
        in_eight_bits(graph, products.take([62]), 1.0, Context())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"windows": (2, 4), "embedding": "multichannel", "hidden": 0},
        {"graph": "pool", "truncating": "pre", "maxlen": 3},
        {"windows": (5,), "maxlen": 5},
    ],
    ids=["paper", "multichannel", "authors", "short"],
)
def test_words_in_rectangles_are_the_windows(changes: dict[str, Any]) -> None:
    titles = [
        "red mug",
        "blue mug with a handle",
        "a",
        None,
        "mug " * 9,
        "unheard of",
        "red red shoe",
        "shoe with a red handle and laces",
    ]
    catalog = Catalog.from_records({"id": str(i), "title": title} for i, title in enumerate(titles))
    settings = {
        "maxlen": 7,
        "windows": (3,),
        "filters": 6,
        "hidden": 5,
        "dimensions": 4,
        "vectors": "auto",
        **changes,
    }
    member = TextCnn(TextCnnSettings(**settings, training=LoopSettings(epochs=2)), "title")
    inputs = member.prepare(catalog, Context())
    targets = np.random.default_rng(0).integers(0, 2, (len(titles), 3)).astype(np.float32)
    fit_present(member, Examples(inputs, targets), None, Context())
    made = part("title", "text_cnn", member)
    facts = made.sources["title"].reader.facts()
    read = reader(json.loads(json.dumps(facts)), {}).open(catalog).portion(np.arange(len(titles)))
    assert read.present.tolist() == inputs.present.tolist()
    with torch.inference_mode():
        given = made.network(torch.from_numpy(read.rows)).numpy()
    wanted, _ = member.predict(inputs, Context())
    np.testing.assert_allclose(given, wanted, atol=1e-6)


SMALL = PolicySettings(hidden=((8, "tanh"),), training=LoopSettings(epochs=2))
CAREFUL = PolicySettings(
    hidden=((8, "relu"),),
    input="logits",
    residual=True,
    presence_bits=True,
    training=LoopSettings(epochs=2),
)


# the last variant is the one without its optional part
WITHOUT_MAXIMUM = Blend(
    BlendSettings(
        parts=(
            {"policy": "mean"},
            {"policy": "maximum", "answer_rare_patterns": False, "optional": True},
        )
    )
).variants()[-1]


@pytest.mark.parametrize(
    "policy",
    [
        Maximum(PluginSettings()),
        Mean(MeanSettings()),
        Mean(MeanSettings(weights=(1.0, 2.0, 0.5))),
        Ridge(RidgeSettings(alpha=1.0)),
        Policy(SMALL),
        Policy(CAREFUL),
        Logistic(LogisticSettings()),
        Blend(
            BlendSettings(
                parts=(
                    {"policy": "logistic"},
                    {"policy": "policy", "settings": CAREFUL.model_dump(), "weight": 2.0},
                )
            )
        ),
        Blend(
            BlendSettings(
                parts=(
                    {"policy": "mean"},
                    {"policy": "maximum", "answer_rare_patterns": False, "weight": 3},
                )
            )
        ),
        WITHOUT_MAXIMUM,
    ],
    ids=[
        "maximum",
        "mean",
        "weighted",
        "ridge",
        "network",
        "logits",
        "logistic",
        "blend",
        "rare",
        "left out",
    ],
)
@pytest.mark.parametrize(
    "patterns", [(), ((True, True, True), (False, True, False))], ids=["any", "some"]
)
def test_policies_as_graphs(policy: Any, patterns: tuple[tuple[bool, ...], ...]) -> None:
    rng = np.random.default_rng(1)
    present = rng.random((300, 3)) < 0.7
    present[0] = False
    targets = (rng.random((300, 4)) < 0.4).astype(np.float32)
    scores = (
        np.clip(0.6 * targets[:, None] + 0.4 * rng.random((300, 3, 4)), 0, 1).astype(np.float32)
        * present[:, :, None]
    )
    outputs = MemberOutputs(scores, present, ())
    fitted = policy.fit(outputs, targets, None, Context(patterns=patterns))
    with torch.inference_mode():
        given = fusion_network("it", fitted)(
            torch.from_numpy(scores), torch.from_numpy(present)
        ).numpy()
    np.testing.assert_allclose(given, fitted.fuse(outputs), atol=1e-5)


def test_policies_through_onnx_runtime() -> None:
    """All kinds of fusion networks in one graph, asked about any number of products."""
    parts = [
        {"policy": name}
        for name in ("logistic", "ridge", "mean", "geometric", "minimum", "maximum")
    ]
    network = {"policy": "policy", "settings": CAREFUL.model_dump(), "answer_rare_patterns": False}
    policy = Blend(BlendSettings.model_validate({"parts": [*parts, network]}))
    rng = np.random.default_rng(3)
    present = rng.random((200, 3)) < 0.7
    targets = (rng.random((200, 4)) < 0.4).astype(np.float32)
    scores = rng.random((200, 3, 4)).astype(np.float32) * present[:, :, None]
    outputs = MemberOutputs(scores, present, ())
    policy.fit(outputs, targets, None, Context())
    buffer = io.BytesIO()
    some = (torch.from_numpy(scores[:2]), torch.from_numpy(present[:2]))
    batch = {0: torch.export.Dim.DYNAMIC}
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            fusion_network("it", policy).eval(),
            some,
            input_names=["scores", "present"],
            dynamic_shapes=(batch, batch),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    onnx.save(program.model_proto, buffer)
    session = onnxruntime.InferenceSession(buffer.getvalue())
    for rows in (np.arange(200), np.arange(1)):
        asked = outputs.take(rows)
        (given,) = session.run(None, {"scores": asked.scores, "present": asked.present})
        np.testing.assert_allclose(given, policy.fuse(asked), atol=1e-5)


@pytest.mark.parametrize("method", ["none", "sigmoid", "beta", "isotonic"])
def test_calibrations_as_graphs(method: Any) -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((400, 5)).astype(np.float32)
    scores[rng.random((400, 5)) < 0.1] = 0
    targets = (rng.random((400, 5)) < scores**2).astype(np.float32)
    targets[:, 4] = 0
    calibration = Calibration.fit(scores, targets, method)
    asked = np.concatenate([scores, np.float32([[0, 1, 1e-7, 0.5, 1]])])
    with torch.inference_mode():
        given: Tensor = calibration_network(calibration)(torch.from_numpy(asked))
    np.testing.assert_allclose(given.numpy(), np.asarray(calibration.apply(asked)), atol=1e-5)


def test_what_has_no_graph_says_so() -> None:
    member = TextCnn(TextCnnSettings(), "title")
    with pytest.raises(
        PluginError,
        match=r"cannot export 'bag': text_bag has no ONNX export \(supported: text_cnn, image, .*\)",
    ):
        part("bag", "text_bag", member)
    wanted = (
        r"cannot export 'mine': hierarchical has no ONNX export "
        r"\(supported: blend, .*\)\. Train with --preset"
    )
    with pytest.raises(PluginError, match=wanted):
        fusion_network("mine", Hierarchical(Hierarchical.Settings()))


def test_too_many_sets_of_members_are_refused() -> None:
    solution = (np.zeros((7, 1), np.float32), np.zeros(1, np.float32))
    ridge = Ridge(RidgeSettings())
    ridge.solutions_ = dict.fromkeys(range(1, 2**7), solution)
    with pytest.raises(
        PluginError, match=r"cannot export 'wide': it has weights for 127 sets .* at most 64"
    ):
        fusion_network("wide", ridge)


def test_a_reader_of_a_later_version_is_refused() -> None:
    with pytest.raises(BundleError, match="reads 'sound'"):
        reader({"kind": "sound"}, {})


def test_the_command_line_exports_and_labels(
    exported: Path, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shelfwise.cli import main as cli

    out = tmp_path / "labelled.jsonl"
    monkeypatch.setattr(
        sys, "argv", ["shelfwise", "predict", str(exported), str(sample), "--out", str(out)]
    )
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert sum("refused" not in row for row in rows) == 240
    monkeypatch.setattr(sys, "argv", ["shelfwise", "export", str(exported), "--out", str(out)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2


def test_a_label_tree_is_refused_with_the_setting_that_avoids_it() -> None:
    member = TextLinear(TextLinear.Settings(tree_from=2, min_count=1), "title")
    catalog = Catalog.from_records([{"id": str(i), "title": f"red mug {i % 2}"} for i in range(6)])
    targets = np.eye(2, dtype=np.float32)[np.arange(6) % 2]
    member.fit(Examples(member.prepare(catalog, Context()), targets), None, Context())
    with pytest.raises(
        PluginError, match=r"'titles': its label tree .* tree_from .* above its 2 labels"
    ):
        part("titles", "text_linear", member)
