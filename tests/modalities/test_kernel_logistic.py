"""All fields in one logistic regression, against scikit-learn on the explicit sum of kernels."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.disk.files import read_arrays, write_arrays
from shelfwise.errors import NotFittedError, WeightsError
from shelfwise.features.kernel_inputs import KernelInputs
from shelfwise.features.nystroem import JITTER
from shelfwise.modalities import kernel_logistic
from shelfwise.modalities.kernel_logistic import KernelLogistic, KernelLogisticSettings
from shelfwise.modalities.text_linear import TextLinear, TextLinearSettings
from shelfwise.nn.linear.losses import LOSSES
from shelfwise.nn.linear.one_vs_rest import LinearOptions
from shelfwise.vision.pretrained_weights import find_weights
from tests.features.gaussian_kernel import gaussian

NOUNS = ("shoe", "scarf", "lamp", "kettle")
FILLERS = ("nice", "new", "soft", "plain", "warm", "blue")
COLOURS = ("red", "lime", "blue", "yellow")
KNOWN, NEW = 60, 25
EVERY = "title+description+image+related"
# what the explicit kernel is made with: n-grams of two products, no rounding
EXACT: dict[str, Any] = {"tolerance": 1e-6, "prune": 0.0, "min_count": 2}


@pytest.fixture(scope="module", autouse=True)
def _random_backbone() -> Iterator[None]:
    """The backbone with random weights: nothing is fetched, and colours of images still tell apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            kernel_logistic, "find_weights", lambda backbone, _: find_weights(backbone, "random")
        )
        yield


@pytest.fixture(scope="module")
def encoder(make_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_encoder(tmp_path_factory.mktemp("encoder"), (*NOUNS, *FILLERS)))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, cache=tmp_path_factory.mktemp("cache"))


@dataclasses.dataclass(frozen=True)
class Shop:
    """Training products, with their targets (N, L), and new ones."""

    known: Catalog
    targets: Floats
    new: Catalog


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Every product has every field but, one in six, the list.

    Each field tells the kind, now and then the wrong one.
    """
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    kinds = rng.integers(0, len(NOUNS), KNOWN + NEW)
    records = []
    for i, kind in enumerate(kinds):
        named, seen, bought = np.where(rng.random(3) < 0.85, kind, rng.integers(0, len(NOUNS), 3))
        noise = rng.integers(0, 60, (40, 40, 3)).astype(np.uint8)
        Image.blend(Image.new("RGB", (40, 40), COLOURS[seen]), Image.fromarray(noise), 0.4).save(
            folder / f"{i}.png"
        )
        records.append(
            {
                "id": str(i),
                "title": " ".join([*rng.choice(FILLERS, 2), NOUNS[named]]),
                "description": " ".join(rng.choice([*FILLERS, NOUNS[named]], 5)),
                "image": f"{i}.png",
                "related": None
                if i % 6 == 2
                else {"viewed": [str(j) for j in rng.choice(np.flatnonzero(kinds == bought), 3)]},
            }
        )
    targets = np.concatenate([np.eye(len(NOUNS)), np.eye(2)[[0, 0, 1, 1]]], axis=1)[kinds].astype(
        np.float32
    )
    return Shop(
        Catalog.from_records(records[:KNOWN], folder),
        targets[:KNOWN],
        Catalog.from_records(records[KNOWN:], folder),
    )


@pytest.fixture(scope="module")
def make(encoder: str) -> Callable[..., KernelLogistic]:
    def made(field: str = EVERY, **changes: Any) -> KernelLogistic:
        return KernelLogistic(
            KernelLogisticSettings(
                **{"encoder": encoder, "max_tokens": 16, "backbone": "test_efficientnet"} | changes
            ),
            field,
        )

    return made


def fit(member: KernelLogistic, shop: Shop, context: Context) -> KernelLogistic:
    return member.fit(
        Examples(member.prepare(shop.known, context), shop.targets).present(), None, context
    )


def logits(member: KernelLogistic, catalog: Catalog, context: Context) -> Floats:
    return member.predict(member.prepare(catalog, context), context)[1]


def through_disk(state: State, folder: Path) -> State:
    write_arrays(folder / "member.safetensors", state.arrays)
    return State(
        read_arrays(folder / "member.safetensors")[0], json.loads(json.dumps(dict(state.facts)))
    )


# -- the oracle: kernels worked out pair by pair, from texts and lists as they stand in the catalogue
# ----------------------


def cosines(known: list[Any], new: list[Any], **counting: Any) -> Any:
    """Inner products of TF-IDF rows of length 1: of known with known products, and of new with known."""
    vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True, **counting)
    rows = vectorizer.fit_transform(known)
    return (rows @ rows.T).toarray(), (vectorizer.transform(new) @ rows.T).toarray()


def lists_of(catalog: Catalog) -> list[list[str]]:
    """What each product lists; one that lists anything lists itself."""
    related = [
        [other for _, others in lists or () for other in others]
        for lists in catalog.column("related")
    ]
    return [
        [*others, name] if others else [] for name, others in zip(catalog.ids, related, strict=True)
    ]


def spanned(known: Any, new: Any, rows: Any, ridge: float) -> Any:
    """The kernels as far as the products `rows` span them (Nystrom), with `ridge` on their own kernel."""
    steady = np.linalg.inv(known[np.ix_(rows, rows)] + ridge * np.eye(len(rows)))
    return known[:, rows] @ steady @ known[rows], new[:, rows] @ steady @ known[rows]


def explicit(member: KernelLogistic, shop: Shop, context: Context, landmarks: Any = None) -> Any:
    """The sum of all kernels, and 1 for the bias.

    The Gaussians' part as it is, or as far as `landmarks` span it.
    """
    chosen, fields, parts = member.settings, member.field.split("+"), []
    for name in [name for name in fields if name not in ("image", "related")]:
        known, new = shop.known.column(name), shop.new.column(name)
        parts.append((1, cosines(known, new, token_pattern=r"\w+", ngram_range=(1, 2))))
        parts.append((1, cosines(known, new, analyzer="char_wb", ngram_range=(3, 4))))
    if "related" in fields:
        parts.append(
            (
                chosen.relations_weight,
                cosines(lists_of(shop.known), lists_of(shop.new), analyzer=list),
            )
        )
    known, new = (member.prepare(catalog, context).vectors for catalog in (shop.known, shop.new))
    weights = {"sentences": chosen.text_weight, "pictures": chosen.image_weight}
    if known:
        kernels = [
            (weights[name], gaussian(known[name], new[name], chosen.gamma)) for name in known
        ]
        whole = tuple(sum(weight * pair[i] for weight, pair in kernels) for i in (0, 1))
        parts.append(
            (
                1,
                whole
                if landmarks is None
                else spanned(*whole, landmarks, JITTER * sum(weights.values())),
            )
        )
    return tuple(1 + sum(weight * kernels[i] for weight, kernels in parts) for i in (0, 1))


def solved(kernel: Any, new: Any, targets: Floats, options: LinearOptions) -> Any:
    """Logits of the new products, by scikit-learn on coordinates whose inner products are the kernel."""
    size, axes = np.linalg.eigh(kernel)
    kept = size > 1e-9
    turn = axes[:, kept] / np.sqrt(size[kept])
    columns = []
    for column in targets.T:
        scale = 1.0
        model = LogisticRegression(
            C=options.cost, fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=1000
        )
        if options.loss == "squared_hinge":
            scale = LOSSES[options.loss].scale
            model = LinearSVC(
                C=options.cost, fit_intercept=False, dual=False, tol=1e-8, max_iter=1000
            )
        weights = 1 + (options.positive_weight - 1) * column
        model.fit(kernel @ turn, column, sample_weight=weights)
        columns.append(scale * model.decision_function(new @ turn))
    return np.stack(columns, axis=1)


def expected(member: KernelLogistic, shop: Shop, context: Context, landmarks: Any = None) -> Any:
    """Logits of the new products by the explicit kernel."""
    there = member.prepare(shop.known, context).present
    assert landmarks is None or there.all() or member.field == "related", (
        "landmarks are counted among all products"
    )
    kernel, new = explicit(member, shop, context, landmarks)
    chosen = member.settings
    return solved(
        kernel[np.ix_(there, there)],
        new[:, there],
        shop.targets[there],
        chosen.options(chosen.loss),
    )


class TestAgainstTheExplicitKernel:
    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            (EVERY, {}),
            (
                EVERY,
                {
                    "loss": "logistic",
                    "C": 1.0,
                    "positive_weight": 1.0,
                    "text_weight": 0.5,
                    "image_weight": 5.0,
                    "relations_weight": 0.5,
                    "gamma": 3.0,
                },
            ),
            ("title", {}),
            ("title", {"loss": "logistic"}),
            ("title+description", {"encoder": "off"}),
            ("image", {}),
            ("related", {}),
            ("image+related", {}),
            ("title+related", {"text_weight": 0}),
        ],
        ids=str,
    )
    def test_logits_of_new_products(
        self,
        field: str,
        changes: dict[str, Any],
        make: Callable[..., KernelLogistic],
        shop: Shop,
        context: Context,
    ) -> None:
        member = fit(make(field, **EXACT, **changes), shop, context)
        answers = logits(member, shop.new, context)
        assert np.abs(answers).max() > 1
        np.testing.assert_allclose(answers, expected(member, shop, context), atol=0.1)
        # hinges are compared by their margins, of which logits are a multiple
        near = 0.01 * LOSSES[member.settings.loss].scale
        np.testing.assert_allclose(
            answers, expected(member, shop, context, np.arange(KNOWN)), atol=near
        )
        np.testing.assert_allclose(
            member.predict(member.prepare(shop.new, context), context)[0],
            1 / (1 + np.exp(-answers)),
            atol=1e-6,
        )

    @pytest.mark.parametrize("field", [EVERY, "title", "image"])
    def test_logits_over_a_sample_of_landmarks(
        self, field: str, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        member = fit(make(field, **EXACT, landmarks=20), shop, context)
        rows = np.random.default_rng(context.seed).permutation(KNOWN)[:20]
        np.testing.assert_allclose(
            logits(member, shop.new, context), expected(member, shop, context, rows), atol=0.02
        )

    def test_a_sample_of_landmarks_comes_close(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        off = {}
        whole = logits(fit(make(**EXACT), shop, context), shop.new, context)
        for count in (5, 40):
            member = fit(make(**EXACT, landmarks=count), shop, context)
            assert member.provenance()["directions"] <= count
            off[count] = (
                np.abs(logits(member, shop.new, context) - whole).mean() / np.abs(whole).mean()
            )
        assert off[40] < min(off[5] / 2, 0.1)

    def test_many_labels_are_mixed_down_to_fewer_features(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        member = fit(make("title", features=4), shop, context)
        probabilities, features = member.predict(member.prepare(shop.new, context), context)
        assert (probabilities.shape, features.shape) == ((NEW, 6), (NEW, 4))


def test_words_alone_are_the_classifier_of_text_linear(
    make: Callable[..., KernelLogistic], shop: Shop, context: Context
) -> None:
    """Member selection keeps one of the two (training/member_selection.py)."""
    fields = "title+description"
    kernels = fit(make(fields, encoder="off"), shop, context)
    linear = TextLinear(TextLinearSettings(present="all"), fields)
    known = linear.prepare(shop.known, context)
    linear.fit(Examples(known, shop.targets).present(), None, context)
    new = linear.predict(linear.prepare(shop.new, context), context)[1]
    np.testing.assert_array_equal(logits(kernels, shop.new, context), new)


class TestPresence:
    @pytest.mark.parametrize(
        ("field", "fields", "present"),
        [
            (EVERY, "title description image related", True),
            (EVERY, "title description image", True),
            (EVERY, "title description related", False),
            (EVERY, "title image related", False),
            (EVERY, "related", False),
            ("title+related", "title price", True),
            ("title", "description", False),
            ("image+related", "image", True),
            ("image+related", "related title", False),
            ("related", "related", True),
            ("related", "title image", False),
        ],
    )
    def test_all_texts_and_the_picture_are_needed_and_the_list_only_where_it_is_alone(
        self,
        field: str,
        fields: str,
        present: bool,
        make: Callable[..., KernelLogistic],
        shop: Shop,
        context: Context,
    ) -> None:
        member = make(field)
        assert member.is_present(frozenset(fields.split())) == present
        record = {
            "title": "blue lamp",
            "description": "soft",
            "image": "0.png",
            "related": {"viewed": ["3"]},
            "price": 3.0,
        }
        given = {name: value for name, value in record.items() if name in fields.split()}
        inputs = member.prepare(
            Catalog.from_records([{"id": "x", **given}], shop.known.root), context
        )
        assert inputs.present.tolist() == [present]

    def test_texts_without_a_word_are_none(
        self, make: Callable[..., KernelLogistic], context: Context
    ) -> None:
        catalog = Catalog.from_records(
            [
                {"id": "1", "title": "--", "description": "x"},
                {"id": "2", "title": "lamp", "description": " "},
            ]
        )
        assert make("title+description").prepare(catalog, context).present.tolist() == [
            False,
            False,
        ]

    def test_unusable_pictures_are_refused_with_a_reason(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.png").write_bytes(b"<html>")
        (tmp_path / "good.png").write_bytes((shop.known.root / "0.png").read_bytes())
        pictures = {"a": "good.png", "b": "bad.png", "c": "gone.png", "d": None}
        catalog = Catalog.from_records(
            [{"id": name, "title": "lamp", "image": image} for name, image in pictures.items()],
            tmp_path,
        )
        inputs = make("title+image").prepare(catalog, context)
        assert inputs.present.tolist() == [True, False, False, False]
        assert [(r.id, r.field) for r in inputs.refused] == [("b", "image"), ("c", "image")]
        assert "not an image" in inputs.refused[0].reason
        assert make("title").prepare(catalog, context).refused == ()

    def test_who_lacks_the_list_is_answered_for_by_the_rest(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        member = fit(make("title+related"), shop, context)
        bare = Catalog.from_records(
            [
                {"id": "x", "title": "blue lamp"},
                {"id": "y", "title": "blue lamp", "related": {"viewed": ["unheard of"]}},
            ]
        )
        answers = logits(member, bare, context)
        assert np.array_equal(answers[0], answers[1])
        assert answers[0, : len(NOUNS)].argmax() == NOUNS.index("lamp")

    @pytest.mark.parametrize("lacking", ["image", "related", "description"])
    def test_a_catalogue_where_nobody_has_a_field(
        self, lacking: str, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        records = [{**row, lacking: None} for row in shop.known.table.to_pylist()]
        inputs = make().prepare(Catalog.from_records(records, shop.known.root), context)
        assert inputs.present.tolist() == [lacking == "related"] * KNOWN
        assert len(inputs.take(np.array([3, 1]))) == 2

    def test_learns_where_nobody_has_a_list(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        records = [{**row, "related": None} for row in shop.known.table.to_pylist()]
        bare = dataclasses.replace(shop, known=Catalog.from_records(records, shop.known.root))
        with_, without = (
            fit(make(field, **EXACT), bare, context) for field in ("title+related", "title")
        )
        np.testing.assert_allclose(
            logits(with_, shop.new, context), logits(without, shop.new, context), atol=0.02
        )


class TestState:
    @pytest.mark.parametrize("field", [EVERY, "title", "image", "related", "description+related"])
    def test_comes_back_as_in_a_new_process(
        self,
        field: str,
        make: Callable[..., KernelLogistic],
        shop: Shop,
        context: Context,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """From the files alone: no cache, another catalogue, and the backbone's weights are in the model."""
        member = fit(make(field, landmarks=30), shop, context)
        before = member.predict(member.prepare(shop.new, context), context)
        monkeypatch.setattr(
            kernel_logistic,
            "find_weights",
            lambda *_: pytest.fail("looked for weights that the model has"),
        )
        restored = make(field, landmarks=30).restore(through_disk(member.state(), tmp_path))
        inputs = restored.prepare(shop.new.take(range(NEW)), Context())
        for ours, theirs in zip(before, restored.predict(inputs, Context()), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert restored.provenance() == member.provenance()
        again = through_disk(restored.state(), tmp_path)
        assert all(
            np.array_equal(value, again.arrays[name])
            for name, value in member.state().arrays.items()
        )
        assert again.arrays.keys() == member.state().arrays.keys()

    def test_another_encoder_than_at_the_time_is_refused(
        self,
        make: Callable[..., KernelLogistic],
        make_encoder: Callable[..., Path],
        shop: Shop,
        context: Context,
        tmp_path: Path,
    ) -> None:
        member = fit(make("title"), shop, context)
        with pytest.raises(WeightsError, match="fit again"):
            make("title", encoder=str(make_encoder(tmp_path, NOUNS, seed=5))).restore(
                member.state()
            )

    def test_the_same_seed_gives_the_same_weights_and_another_other_landmarks(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        one, same, other = (
            fit(make("title+image", landmarks=20), shop, dataclasses.replace(context, seed=seed))
            .state()
            .arrays
            for seed in (3, 3, 4)
        )
        assert all(np.array_equal(value, same[name]) for name, value in one.items())
        assert not np.array_equal(one["landmarks.pictures"], other["landmarks.pictures"])

    def test_folds_share_what_was_prepared(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        """A member that prepared nothing itself is fitted and saved on another's inputs: it answers alike."""
        first = make("title+image")
        inputs = first.prepare(shop.known, context)
        answers = [
            m.fit(Examples(inputs, shop.targets), None, context).predict(inputs, context)[0]
            for m in (first, make("title+image"))
        ]
        assert np.array_equal(*answers)

    def test_answers_do_not_depend_on_company(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        member = fit(make(), shop, context)
        together = logits(member, shop.new, context)
        alone = np.concatenate([logits(member, shop.new.take([row]), context) for row in range(4)])
        np.testing.assert_allclose(alone, together[:4], atol=1e-3)
        inputs = member.prepare(shop.new, context)
        assert isinstance(inputs, KernelInputs)
        np.testing.assert_allclose(
            member.predict(inputs.take(np.array([7, 2])), context)[1], together[[7, 2]], atol=1e-3
        )

    def test_unfitted_says_so(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        member = make("title", encoder="off")
        inputs = member.prepare(shop.known, context)
        with pytest.raises(NotFittedError, match="'title' is not fitted; call fit or restore"):
            member.predict(inputs, context)
        with pytest.raises(NotFittedError):
            member.state()

    def test_provenance_says_what_was_used(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        facts = fit(make(), shop, context).provenance()
        assert facts["backbone"]["used"] == "test_efficientnet"
        assert facts["encoder"].startswith("folder ")
        assert 0 < facts["directions"] <= KNOWN
        assert json.loads(json.dumps(facts)) == facts
        assert fit(make("related"), shop, context).provenance().keys() == {"known", "directions"}

    def test_a_backbone_that_stands_in_is_noted(
        self,
        make: Callable[..., KernelLogistic],
        shop: Shop,
        context: Context,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        stand_in = dataclasses.replace(
            find_weights("test_efficientnet", "random"),
            requested="resnet50",
            note="stands in for resnet50",
        )
        monkeypatch.setattr(kernel_logistic, "find_weights", lambda *_: stand_in)
        facts = fit(make("image", backbone="resnet50"), shop, context).provenance()
        assert facts["note"] == "stands in for resnet50"
        assert facts["backbone"]["asked"] == "resnet50"

    def test_small_weights_are_dropped(
        self, make: Callable[..., KernelLogistic], shop: Shop, context: Context
    ) -> None:
        kept, all_ = (fit(make(prune=prune), shop, context).state().arrays for prune in (0.1, 0.0))
        assert 0 < len(kept["weights.values"]) < len(all_["weights.values"])
        assert np.abs(kept["weights.values"]).min() >= 0.1
        assert np.array_equal(kept["weights.dense"], all_["weights.dense"]), (
            "directions are never dropped"
        )
