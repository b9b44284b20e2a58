"""What every modality and fusion policy must do. A new plug-in file is tested without a line added here."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.numpy import load, save
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from shelfwise.core import registry
from shelfwise.core.catalog import Catalog
from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.presence import fit_each_present, fit_present, predict_present
from shelfwise.core.types import (
    Context,
    Examples,
    FieldInputs,
    Floats,
    MemberOutputs,
    Rows,
    State,
)
from shelfwise.errors import NotFittedError, PluginError
from shelfwise.nn import training_loop as loop
from shelfwise.nn.threads import torch_threads

PRODUCTS, LABELS, MEMBERS = 72, 6, 3
NEVER = LABELS - 1  # a label without a single product
NAMES = ("Food", "Food > Drinks", "Home", "Home > Rugs", "Home > Rugs > Round", "Toys")
COLOURS = ("red", "green", "blue", "black", "orange")
SHAPES = ("ball", "box")

FIELDS = {
    "image": "image",
    "graph": "related",
    "tabular": "brand",
    "vector": "sound",
    "joint": "title+image",
}
"""The field a modality is tried on; the title where it is not named here."""

SMALL: dict[str, dict[str, Any]] = {
    "text_cnn": {
        "embedding": "rand",
        "dimensions": 8,
        "filters": 8,
        "hidden": 8,
        "training": {"epochs": 3},
    },
    "image": {
        "backbone": "test_efficientnet",
        "weights": "random",
        "train_last": 2,
        "training": {"epochs": 2},
    },
    "policy": {"hidden": [[8, "sigmoid"]], "training": {"epochs": 3}},
    "joint": {
        "units": 8,
        "texts": {"title": {"embedding": "rand", "dimensions": 8, "filters": 8, "hidden": 8}},
        "image": {
            "backbone": "test_efficientnet",
            "weights": "random",
            "train_last": 2,
            "hidden": 8,
        },
        "training": {"epochs": 3, "loss": "bce"},
    },
    "graph": {"hidden": 8, "training": {"epochs": 3}},
    "tabular": {"hidden": 8, "training": {"epochs": 3}},
    "vector": {"hidden": 8, "training": {"epochs": 3}},
    "top_k": {"training": {"epochs": 3, "loss": "bce"}},
    "early": {"units": 8, "training": {"epochs": 3, "loss": "bce"}},
    "gated": {"units": 8, "training": {"epochs": 3, "loss": "bce"}},
    "cross_attention": {"units": 8, "heads": 2, "training": {"epochs": 3, "loss": "bce"}},
    "coherent": {"hidden": [[8, "sigmoid"]], "training": {"epochs": 3, "loss": "bce"}},
    "blend": {
        "parts": [
            {"policy": "logistic"},
            {
                "policy": "policy",
                "settings": {"hidden": [[8, "sigmoid"]], "training": {"epochs": 3}},
            },
        ]
    },
    "search": {"trials": 3, "network": {"training": {"epochs": 3, "loss": "bce", "patience": 2}}},
}
"""Settings that make a plug-in quick; its own defaults where it is not named here."""


@dataclass(frozen=True)
class Shop:
    """A tiny catalogue with its targets (N, L)."""

    catalog: Catalog
    targets: np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Coloured balls and boxes.

    Every ninth product lacks its title, others their image, one both; one image file is no image.
    """
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(0)
    records, targets = [], np.zeros((PRODUCTS, LABELS), np.float32)
    for i in range(PRODUCTS):
        colour, shape = i % len(COLOURS), int(rng.integers(len(SHAPES)))
        targets[i, colour % (LABELS - 3)] = 1
        targets[i, LABELS - 3 + shape] = 1
        draw(folder / f"{i}.png", COLOURS[colour], SHAPES[shape], rng)
        words = [
            COLOURS[colour],
            SHAPES[shape],
            *rng.choice(["new", "large", "kids", "soft", "classic", "sale"], 3),
        ]
        title = None if i % 9 == 4 else " ".join(words)
        record = {
            "id": str(i),
            "title": title,
            "description": title,
            "image": None if i % 9 == 7 or i == 4 else f"{i}.png",
            "price": float(i),
        }
        records.append(record | further(i, colour, rng))
    (folder / "3.png").write_bytes(b"no image at all")
    targets[:, NEVER] = 0
    return Shop(Catalog.from_records(records, folder), targets)


def further(i: int, colour: int, rng: np.random.Generator) -> dict[str, Any]:
    """A brand, products bought together, and a vector: all follow the colour, each is missing elsewhere."""
    alike = [str(other) for other in range(colour, PRODUCTS, len(COLOURS)) if other % 9 != 6]
    return {
        "brand": None if i % 9 == 5 else f"House of {COLOURS[colour]}",
        "related": None if i % 9 == 6 else {"also_bought": rng.choice(alike, 3).tolist()},
        "sound": None
        if i % 9 == 2
        else (np.eye(len(COLOURS))[colour] + rng.normal(0, 0.1, len(COLOURS))).tolist(),
    }


def draw(path: Path, colour: str, shape: str, rng: np.random.Generator) -> None:
    image = Image.new("RGB", (48, 48), "white")
    x, y = rng.integers(2, 16, 2).tolist()
    pen = ImageDraw.Draw(image)
    (pen.ellipse if shape == "ball" else pen.rectangle)((x, y, x + 28, y + 28), fill=colour)
    image.save(path)


def make_modality(name: str) -> Modality:
    plugin = registry.modalities.load(name)
    made: Modality = plugin(
        registry.settings(plugin, SMALL.get(name, {}), name), FIELDS.get(name, "title")
    )
    return made


def make_policy(name: str) -> FusionPolicy:
    plugin = registry.fusion.load(name)
    made: FusionPolicy = plugin(registry.settings(plugin, SMALL.get(name, {}), name))
    return made


def through_disk(state: State) -> State:
    """What comes back when a state is stored the way bundles store it."""
    arrays = {name: np.ascontiguousarray(value) for name, value in state.arrays.items()}
    return State(load(save(arrays)), json.loads(json.dumps(dict(state.facts))))


def same_arrays(one: State, other: State) -> bool:
    return one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(one.arrays[k], other.arrays[k]) for k in one.arrays
    )


def assert_same_arrays(one: Any, other: Any) -> None:
    """Whether all arrays in two dataclasses or tuples are the same."""
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple):
        for left, right in zip(one, other, strict=True):
            assert_same_arrays(left, right)
    elif is_dataclass(one):
        for field in fields(one):
            assert_same_arrays(getattr(one, field.name), getattr(other, field.name))


@dataclass(frozen=True)
class Trial:
    """One modality, fitted."""

    name: str
    modality: Modality
    inputs: FieldInputs
    train: Examples
    context: Context


@pytest.fixture(scope="module", params=registry.modalities.names())
def trial(
    request: pytest.FixtureRequest, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Trial:
    modality = make_modality(request.param)
    context = Context(seed=3, cache=tmp_path_factory.mktemp("cache"))
    inputs = modality.prepare(shop.catalog, context)
    train = Examples(inputs, shop.targets)
    return Trial(
        request.param, fit_present(modality, train, train, context), inputs, train, context
    )


class TestModalities:
    def test_prepares_one_row_a_product_and_knows_what_is_missing(
        self, trial: Trial, shop: Shop
    ) -> None:
        assert len(trial.inputs) == PRODUCTS
        fields = trial.modality.field.split("+")
        missing = np.all(
            [[value is None for value in shop.catalog.column(field)] for field in fields], axis=0
        )
        assert not trial.inputs.present[missing].any()
        assert 0 < trial.inputs.present.sum() < PRODUCTS
        refused = [shop.catalog.ids.index(refusal.id) for refusal in trial.inputs.refused]
        assert trial.inputs.present[refused].any() == (len(fields) > 1), "its other fields remain"
        assert refused == ([3] if "image" in fields else [])

    def test_taking_rows_takes_their_presence(self, trial: Trial) -> None:
        rows = np.array([5, 4, 0])
        assert np.array_equal(trial.inputs.take(rows).present, trial.inputs.present[rows])

    def test_predicts_finite_probabilities_and_features(self, trial: Trial) -> None:
        answer = predict_present(trial.modality, trial.inputs, LABELS, trial.context)
        assert answer.probabilities.shape == (PRODUCTS, LABELS)
        assert len(answer.features) == PRODUCTS
        assert answer.features.shape[1] > 0
        assert np.isfinite(answer.probabilities).all()
        assert np.isfinite(answer.features).all()
        assert answer.probabilities.min() >= 0
        assert answer.probabilities.max() <= 1
        assert np.ptp(answer.probabilities[answer.present], axis=0).max() > 0
        assert not answer.probabilities[~answer.present].any()
        assert not answer.features[~answer.present].any()

    def test_restored_state_answers_alike(self, trial: Trial) -> None:
        rows = np.flatnonzero(trial.inputs.present)
        restored = make_modality(trial.name).restore(through_disk(trial.modality.state()))
        for before, after in zip(
            *(
                m.predict(trial.inputs.take(rows), trial.context)
                for m in (trial.modality, restored)
            ),
            strict=True,
        ):
            assert np.array_equal(before, after)

    def test_batch_size_does_not_matter(self, trial: Trial) -> None:
        rows = np.flatnonzero(trial.inputs.present)[:16]
        together, _ = trial.modality.predict(trial.inputs.take(rows), trial.context)
        alone = np.concatenate(
            [
                trial.modality.predict(trial.inputs.take(rows[[i]]), trial.context)[0]
                for i in range(len(rows))
            ]
        )
        np.testing.assert_allclose(alone, together, atol=1e-5)

    def test_same_seed_same_weights(self, trial: Trial) -> None:
        again = fit_present(make_modality(trial.name), trial.train, trial.train, trial.context)
        assert same_arrays(again.state(), trial.modality.state())

    def test_changes_nothing_that_it_is_given(self, trial: Trial) -> None:
        before = copy.deepcopy(trial.train)
        modality = fit_present(make_modality(trial.name), trial.train, trial.train, trial.context)
        modality.predict(trial.train.present().inputs, trial.context)
        assert_same_arrays(trial.train, before)

    def test_several_fitted_together_are_those_fitted_alone(self, trial: Trial) -> None:
        if type(trial.modality).fit_each.__func__ is Modality.fit_each.__func__:  # type: ignore[attr-defined]
            pytest.skip("it fits one after the other")
        parts = [trial.train.take(rows) for rows in (np.arange(PRODUCTS), np.arange(2, PRODUCTS))]
        tasks = [ModalityTask(make_modality(trial.name), part, trial.context) for part in parts]
        fit_each_present(tasks)
        for task, part in zip(tasks, parts, strict=True):
            alone = fit_present(make_modality(trial.name), part, None, trial.context)
            assert same_arrays(task.modality.state(), alone.state())
            assert task.modality.state().facts == alone.state().facts

    def test_unfitted_raises(self, trial: Trial) -> None:
        rows = np.flatnonzero(trial.inputs.present)
        with pytest.raises(NotFittedError):
            make_modality(trial.name).predict(trial.inputs.take(rows), trial.context)

    def test_provenance_is_json(self, trial: Trial) -> None:
        assert json.loads(json.dumps(trial.modality.provenance())) == trial.modality.provenance()


def all_masks(count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(count, M): every presence mask in turn."""
    masks = np.array(list(itertools.product([False, True], repeat=MEMBERS)))
    return masks[np.arange(count) % len(masks)]


def make_outputs(
    present: np.ndarray[Any, np.dtype[np.bool_]], seed: int = 0
) -> tuple[MemberOutputs, np.ndarray[Any, np.dtype[np.float32]]]:
    """Members that know something of random targets, each of other labels."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((len(present), LABELS)) < 0.3).astype(np.float32)
    targets[:, NEVER] = 0
    noise = rng.normal(0, 1, (len(present), MEMBERS, LABELS))
    skill = rng.uniform(0.5, 4, (MEMBERS, LABELS))
    scores = (1 / (1 + np.exp(2 - skill * targets[:, None] - noise))).astype(np.float32)
    features = tuple(rng.random((len(present), 4)).astype(np.float32) for _ in range(MEMBERS))
    return MemberOutputs(scores * present[:, :, None], present, features), targets


@pytest.fixture(params=registry.fusion.names())
def policy_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def fitted(name: str, seed: int = 0, masked: bool = True) -> FusionPolicy:
    present = all_masks(160) if masked else np.ones((160, MEMBERS), np.bool_)
    outputs, targets = make_outputs(present)
    return make_policy(name).fit(
        outputs, targets, make_outputs(present, seed=1), Context(seed=seed, labels=NAMES)
    )


class TestPolicies:
    @pytest.mark.parametrize("masked", [True, False])
    def test_accepts_every_presence_mask(self, policy_name: str, masked: bool) -> None:
        outputs, _ = make_outputs(all_masks(64), seed=2)
        fused = fitted(policy_name, masked=masked).fuse(outputs)
        assert fused.shape == (64, LABELS)
        assert fused.dtype == np.float32
        assert np.isfinite(fused).all()
        assert fused.min() >= 0
        assert fused.max() <= 1
        nobody = ~outputs.present.any(axis=1)
        assert nobody.any()
        assert not fused[nobody].any()
        assert fused[~nobody].any(axis=1).all()

    def test_no_product_is_no_error(self, policy_name: str) -> None:
        outputs, _ = make_outputs(all_masks(8))
        assert fitted(policy_name).fuse(outputs.take(np.arange(0))).shape == (0, LABELS)

    def test_order_and_number_of_products_do_not_matter(self, policy_name: str) -> None:
        policy, (outputs, _) = fitted(policy_name), make_outputs(all_masks(64), seed=2)
        together = policy.fuse(outputs)
        for row in range(0, 64, 7):
            np.testing.assert_allclose(
                policy.fuse(outputs.take(np.array([row]))), together[[row]], atol=1e-5
            )

    def test_restored_state_fuses_alike(self, policy_name: str) -> None:
        policy, (outputs, _) = fitted(policy_name), make_outputs(all_masks(64), seed=2)
        restored = make_policy(policy_name).restore(through_disk(policy.state()))
        assert np.array_equal(restored.fuse(outputs), policy.fuse(outputs))
        assert json.loads(json.dumps(restored.facts())) == policy.facts()

    def test_same_seed_same_weights(self, policy_name: str) -> None:
        assert same_arrays(fitted(policy_name, seed=5).state(), fitted(policy_name, seed=5).state())

    def test_several_fitted_together_are_those_fitted_alone(self, policy_name: str) -> None:
        if policy_name == "search":
            pytest.skip("it is not fitted without validation products")
        policies = [make_policy(policy_name) for _ in range(2)]
        context = Context(seed=5, labels=NAMES)
        examples = [make_outputs(all_masks(160), seed=seed) for seed in range(2)]
        tasks = [
            PolicyTask(policy, *example, context)
            for policy, example in zip(policies, examples, strict=True)
        ]
        type(policies[0]).fit_each(tasks)
        for policy, (outputs, targets) in zip(policies, examples, strict=True):
            alone = make_policy(policy_name).fit(outputs, targets, None, context)
            assert same_arrays(policy.state(), alone.state())

    def test_changes_nothing_that_it_is_given(self, policy_name: str) -> None:
        outputs, targets = make_outputs(all_masks(160))
        before = copy.deepcopy((outputs, targets))
        policy = make_policy(policy_name)
        policy.fit(outputs, targets, (outputs, targets), Context(labels=NAMES)).fuse(outputs)
        assert_same_arrays((outputs, targets), before)

    def test_unfitted_raises_unless_there_is_nothing_to_learn(self, policy_name: str) -> None:
        outputs, _ = make_outputs(all_masks(16))
        if learns(policy_name):
            with pytest.raises(NotFittedError):
                make_policy(policy_name).fuse(outputs)
        else:
            assert np.array_equal(
                make_policy(policy_name).fuse(outputs), fitted(policy_name).fuse(outputs)
            )

    def test_its_onnx_form_gives_the_same_scores(self, policy_name: str) -> None:
        if policy_name not in registry.exportable_policies():
            with pytest.raises(PluginError, match=f"{policy_name} has no ONNX export"):
                fitted(policy_name).to_module()
            return
        policy, (outputs, _) = fitted(policy_name), make_outputs(all_masks(64), seed=2)
        known = outputs.take(np.flatnonzero(outputs.present.any(axis=1)))
        with torch.inference_mode():
            fused = policy.to_module()(
                torch.from_numpy(known.scores), torch.from_numpy(known.present)
            )
        np.testing.assert_allclose(fused.numpy(), policy.fuse(known), atol=1e-5)

    def test_rules_treat_all_labels_and_all_members_alike(self, policy_name: str) -> None:
        if learns(policy_name):
            pytest.skip("a trained policy may tell labels and members apart")
        outputs, _ = make_outputs(all_masks(64), seed=2)
        policy, order = make_policy(policy_name), np.random.default_rng(0).permutation(LABELS)
        permuted = MemberOutputs(outputs.scores[:, :, order], outputs.present, outputs.features)
        np.testing.assert_allclose(policy.fuse(permuted), policy.fuse(outputs)[:, order], atol=1e-6)
        np.testing.assert_allclose(
            policy.fuse(outputs.members([2, 0, 1])), policy.fuse(outputs), atol=1e-6
        )

    def test_a_rule_over_one_member_is_that_member(self, policy_name: str) -> None:
        if learns(policy_name):
            pytest.skip("a trained policy may correct a single member")
        outputs, _ = make_outputs(np.ones((32, MEMBERS), np.bool_))
        np.testing.assert_allclose(
            make_policy(policy_name).fuse(outputs.members([1])), outputs.scores[:, 1], atol=1e-6
        )


@pytest.fixture
def seen_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every network that is trained takes its first step on a simulated GPU too.

    It refuses whatever stayed on the processor.
    """
    seen: list[str] = []
    step_of = loop._TrainStep._loss

    def both(step: Any, inputs: Any, targets: Floats, rows: Rows) -> Tensor:
        name = type(step._network).__name__
        if name not in seen:
            seen.append(name)
            wanted = torch.from_numpy(targets[rows])
            assert on_a_pretended_gpu(step, inputs.batch(rows), wanted).device.type == "cuda"
        return step_of(step, inputs, targets, rows)

    monkeypatch.setattr(loop._TrainStep, "_loss", both)
    with torch_threads(1):
        yield seen


def on_a_pretended_gpu(step: Any, inputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
    """The loss of one step, shapes and devices only."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:

        def sent(tensor: Tensor) -> Tensor:
            return mode.from_tensor(tensor).to("cuda")

        named = itertools.chain(step._network.named_parameters(), step._network.named_buffers())
        logits = torch.func.functional_call(
            step._network, {name: sent(value) for name, value in named}, tuple(map(sent, inputs))
        )
        loss: Tensor = step._loss_of(logits, sent(targets))
        return loss


class TestDevices:
    @pytest.mark.parametrize("name", registry.modalities.names())
    def test_a_modality_s_network_may_stand_on_a_gpu(
        self, name: str, shop: Shop, seen_on_a_gpu: list[str], tmp_path: Path
    ) -> None:
        modality, context = make_modality(name), Context(seed=3, cache=tmp_path)
        train = Examples(modality.prepare(shop.catalog, context), shop.targets)
        fit_present(modality, train, train, context)
        if not seen_on_a_gpu:
            pytest.skip("trains no network")

    def test_a_policy_s_network_may_stand_on_a_gpu(
        self, policy_name: str, seen_on_a_gpu: list[str]
    ) -> None:
        fitted(policy_name)
        if not seen_on_a_gpu:
            pytest.skip("trains no network")

    def test_what_is_saved_of_a_modality_comes_from_the_gpu(
        self, trial: Trial, request: pytest.FixtureRequest
    ) -> None:
        expected = trial.modality.state()
        request.getfixturevalue("weights_on_a_gpu")
        assert same_arrays(trial.modality.state(), expected)

    def test_what_is_saved_of_a_policy_comes_from_the_gpu(
        self, policy_name: str, request: pytest.FixtureRequest
    ) -> None:
        policy = fitted(policy_name)
        expected = policy.state()
        request.getfixturevalue("weights_on_a_gpu")
        assert same_arrays(policy.state(), expected)

    def test_what_stayed_on_the_processor_is_refused(self, seen_on_a_gpu: list[str]) -> None:
        class Forgetful(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer, self.offset = nn.Linear(4, LABELS), torch.ones(LABELS)

            def forward(self, rows: Tensor) -> Tensor:
                return self.layer(rows) + self.offset

        class Rows:
            def __len__(self) -> int:
                return 8

            def batch(self, rows: Any) -> tuple[Tensor, ...]:
                return (torch.ones(len(rows), 4),)

        with pytest.raises(Exception, match=r"cuda|Tensor"):
            loop.fit_network(
                Forgetful(),
                Rows(),
                np.ones((8, LABELS), np.float32),
                loop.LoopSettings(),
                Context(),
            )


def learns(name: str) -> bool:
    return fitted(name).state() != State()
