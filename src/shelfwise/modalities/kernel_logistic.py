"""All fields of a product in one logistic regression a label: words and links as they are, texts and pictures as pre-trained
networks see them.

Early fusion without a network. The classifiers see the sum of one kernel a field: for text and for lists of related products
the inner product of weighted n-grams or ids (linear), for sentence and picture vectors the Gaussian of their distance, so
that nearest neighbours count. The Gaussian part is brought down to the directions that a sample of training products spans
(Nystrom; Williams and Seeger 2001), which is exact where these are all of them, and keeps cost and memory linear in the
number of products. One convex problem a label: nothing is random but the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Floats, RejectedField, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.features.co_purchase import RelationLists
from shelfwise.features.nystroem import NystroemFeatures
from shelfwise.features.sentence_embeddings import encode_fields
from shelfwise.features.sentence_encoder import find_encoder, verify_encoder
from shelfwise.features.tfidf import BagSettings, NgramCounts, TfidfVocabulary
from shelfwise.nn.logistic_regression import LinearWeights, fit_logistic, random_projection
from shelfwise.text.ngrams import Grams
from shelfwise.vision.image_branch import Pictures, with_prefix
from shelfwise.vision.image_encoder import ImageEncoder, ImageEncoderSettings
from shelfwise.vision.pretrained_weights import WeightSource, find_weights

IDS = BagSettings(words=(1,), letters=())


class KernelLogisticSettings(BagSettings):
    """How much each kind of field counts, and how the classifiers are kept simple."""

    encoder: str = Field(
        "auto",
        description="of the text as sentences: the packaged MiniLM (auto), a folder, a name on the hub; off: none",
    )
    max_tokens: int = Field(128, ge=4, le=512, description="tokens of a text that the encoder reads")
    backbone: str = Field(
        "resnet50", description="the frozen network that sees the pictures: a name timm knows"
    )
    text_weight: float = Field(
        2.0,
        ge=0,
        description="weight of the sentence vectors' kernel; each kind of n-gram of each field has 1",
    )
    image_weight: float = Field(2.0, ge=0, description="weight of the picture vectors' kernel")
    relations_weight: float = Field(3.0, ge=0, description="weight of the lists of related products")
    gamma: float = Field(
        1.0,
        gt=0,
        description="of the Gaussian kernels: exp(-gamma * squared distance of vectors of length 1)",
    )
    landmarks: int = Field(3000, ge=1, description="training products that span the Gaussian kernels")
    C: float = Field(30.0, gt=0, description="weight of the data against the penalty (LIBLINEAR's C)")
    positive_weight: float = Field(
        3.0, gt=0, description="weight of a product that has the label; 3 brings the best threshold near 0.5"
    )
    tolerance: float = Field(
        0.02, gt=0, lt=1, description="a label is solved once its gradient has shrunk by this factor"
    )
    prune: float = Field(
        0.03, ge=0, description="weights of n-grams and ids nearer to 0 than this are dropped"
    )
    features: int = Field(
        256,
        ge=1,
        description="numbers a product for fusion: the logits, at random mixed down to so many if more",
    )


@dataclass(frozen=True)
class KernelInputs(FieldInputs):
    """N products: sparse counts, one a kind; and vectors (N, D) by name, rows of 0 where a product has none."""

    grams: tuple[Grams, ...]
    vectors: Mapping[str, Floats]

    def take(self, rows: Rows) -> KernelInputs:
        """The given rows, in that order."""
        vectors = {name: values[rows] for name, values in self.vectors.items()}
        return KernelInputs(self.present[rows], tuple(g.take(rows) for g in self.grams), vectors)


class KernelLogistic(Modality):
    """One classifier of several fields, ``field = "title+description+image+related"``.

    ``related`` is a list of products (:mod:`shelfwise.features.co_purchase`), ``image`` a picture; all others are text. A
    product is present if it has all of the texts and the picture; it may lack the list.
    """

    Settings = KernelLogisticSettings
    settings: KernelLogisticSettings

    _encoder: ImageEncoder | None = None
    _model: LinearWeights | None = None
    _spaces: tuple[TfidfVocabulary, ...] = ()
    _gaussians: NystroemFeatures | None = None
    _facts: dict[str, Any]

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        return all(name in fields for name in self._needed)

    def prepare(self, catalog: Catalog, context: Context) -> KernelInputs:
        """Count words, encode texts and pictures, read the lists.

        Raises:
            WeightsError: the encoder or the backbone is not to be had.
        """
        grams: list[Grams] = []
        vectors: dict[str, Floats] = {}
        here: list[Bools] = []
        refused: list[RejectedField] = []
        if self._texts:
            bags = NgramCounts.read(catalog, self._texts, self.settings, every=True)
            grams += bags.grams
            here.append(bags.present)
            if self.settings.encoder != "off":
                vectors["sentences"] = self._sentences(catalog, context)
        if "image" in self._fields:
            pictures = self._pictures(catalog, context)
            refused += pictures.refused
            here.append(pictures.present)
            vectors["pictures"] = _pooled(pictures)
        if "related" in self._fields:
            grams.append(_listed(catalog))
            here += [] if here else [np.diff(grams[-1].counts.indptr) > 0]
        return KernelInputs(np.all(here, axis=0), tuple(grams), vectors, refused=tuple(refused))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, landmarks and classifiers from `train` alone.

        Raises:
            WeightsError: as :meth:`prepare`.
        """
        chosen, inputs = self.settings, train.inputs
        self._spaces = tuple(TfidfVocabulary.fit(g, self._counting(i)) for i, g in enumerate(inputs.grams))
        width = (chosen.gamma, chosen.landmarks)
        self._gaussians = (
            NystroemFeatures.fit(inputs.vectors, self._weights, *width, context.seed)
            if inputs.vectors
            else None
        )
        sparse, dense = self._inputs(inputs)
        if self._encoder is None and "image" in self._fields:
            self._encoder = ImageEncoder.open(self._source, self._looks)
        self._model = fit_logistic(
            sparse, train.targets, chosen.C, chosen.positive_weight, chosen.tolerance, chosen.prune, dense
        )
        self._facts = self._sources() if inputs.vectors else {}
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L), and the logits as features: (N, L), or (N, `features`) where labels are more."""
        logits = self._fitted().logits(*self._inputs(inputs))
        return expit(logits), random_projection(logits, self.settings.features)

    def state(self) -> State:
        """Known n-grams and ids with their weights, the landmarks, and the classifiers."""
        arrays: dict[str, NDArray[Any]] = self._fitted().arrays()
        for i, space in enumerate(self._spaces):
            arrays |= {f"space.{i}.keys": space.keys, f"space.{i}.weights": space.weights}
        if self._gaussians is not None:
            arrays["turn"] = self._gaussians.turn
            for name, centre in self._gaussians.centres.items():
                arrays |= {f"centre.{name}": centre, f"landmarks.{name}": self._gaussians.landmarks[name]}
        if self._encoder is not None:
            weights = self._encoder.backbone.state_dict()
            arrays |= {
                f"backbone.{name}": value.contiguous().numpy().copy()
                for name, value in weights.items()
                if value.ndim
            }
        return State(arrays, self._facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from.

        Raises:
            WeightsError: the encoder is not to be had, or is another one than at the time.
        """
        arrays, self._facts = state.arrays, dict(state.facts)
        self._model = LinearWeights.from_state(arrays)
        count = sum(name.startswith("space.") for name in arrays) // 2
        self._spaces = tuple(
            TfidfVocabulary(arrays[f"space.{i}.keys"], arrays[f"space.{i}.weights"]) for i in range(count)
        )
        names = [name.removeprefix("centre.") for name in arrays if name.startswith("centre.")]
        if names:
            centres, landmarks = (
                {n: arrays[f"{part}.{n}"] for n in names} for part in ("centre", "landmarks")
            )
            self._gaussians = NystroemFeatures(centres, landmarks, arrays["turn"])
        if "encoder" in self._facts:
            verify_encoder(self.settings.encoder, self._facts["encoder"], self._facts["sha256"])
        if "backbone" in self._facts:
            self._encoder = ImageEncoder.open(
                WeightSource(**self._facts["backbone"], path=None),
                self._looks,
                with_prefix("backbone.", arrays),
            )
        return self

    def provenance(self) -> dict[str, Any]:
        """The pre-trained networks; how many n-grams and ids are known, and by how many directions products are told apart."""
        known = sum(len(space.keys) for space in self._spaces)
        directions = 0 if self._gaussians is None else self._gaussians.turn.shape[1]
        note = self._facts.get("backbone", {}).get("note", "")
        return {**self._facts, "known": known, "directions": directions, **({"note": note} if note else {})}

    @property
    def _fields(self) -> list[str]:
        return self.field.split("+")

    @property
    def _texts(self) -> list[str]:
        return [name for name in self._fields if name not in ("image", "related")]

    @property
    def _needed(self) -> list[str]:
        return [name for name in self._fields if name != "related"] or ["related"]

    @property
    def _weights(self) -> dict[str, float]:
        return {"sentences": self.settings.text_weight, "pictures": self.settings.image_weight}

    def _counting(self, kind: int) -> BagSettings:
        """How the n-grams of one kind are weighed: ids come last."""
        kinds = bool(self.settings.words) + bool(self.settings.letters)
        return self.settings if kind < kinds * len(self._texts) else IDS

    def _inputs(self, fields: KernelInputs) -> tuple[sp.csr_array, Floats | None]:
        parts = []
        for i, (space, grams) in enumerate(zip(self._spaces, fields.grams, strict=True)):
            counting = self._counting(i)
            parts.append(
                space.inputs(grams, counting)
                * (1.0 if counting is self.settings else np.float32(np.sqrt(self.settings.relations_weight)))
            )
        sparse = (
            sp.csr_array(sp.hstack(parts, format="csr", dtype=np.float32))
            if parts
            else sp.csr_array((len(fields), 0), dtype=np.float32)
        )
        if self._gaussians is None:
            return sparse, None
        return sparse, self._gaussians.apply(fields.vectors, self._weights, self.settings.gamma)

    def _sentences(self, catalog: Catalog, context: Context) -> Floats:
        return encode_fields(
            catalog,
            "+".join(self._texts),
            find_encoder(self.settings.encoder),
            self.settings.max_tokens,
            context,
        )

    def _pictures(self, catalog: Catalog, context: Context) -> Pictures:
        if self._encoder is None:
            self._encoder = ImageEncoder.open(self._source, self._looks)
        return Pictures.read(catalog, "image", self._encoder, context)

    @property
    def _source(self) -> WeightSource:
        return find_weights(self.settings.backbone, "auto")

    @property
    def _looks(self) -> ImageEncoderSettings:
        return ImageEncoderSettings(
            backbone=self.settings.backbone, train_last=0, frozen_bn="inference", flip=True
        )

    def _sources(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if self._texts and self.settings.encoder != "off":
            source = find_encoder(self.settings.encoder)
            facts |= {"encoder": source.origin, "sha256": source.sha256}
        if "image" in self._fields:
            facts["backbone"] = {**self._source.provenance(), "kind": self._source.kind}
        return facts

    def _fitted(self) -> LinearWeights:
        if self._model is None:
            raise NotFittedError(f"the classifier of {self.field!r} is not fitted; call fit or restore first")
        return self._model


def _pooled(pictures: Pictures) -> Floats:
    """(N, D) the mean of a picture and its mirror image; 0 where there is no picture."""
    means = pictures.rows.mean(axis=1, dtype=np.float32)
    return (
        np.where(pictures.present[:, None], means[pictures.index], np.float32(0))
        if len(means)
        else np.zeros((len(pictures), 0), np.float32)
    )


def _listed(catalog: Catalog) -> Grams:
    """The ids that each product lists, its own among them: what is bought with one product is bought with both."""
    listing = RelationLists.read(catalog, "related", ())
    rows, listed = listing.pairs(np.arange(len(catalog)))
    listing_any = np.unique(rows)
    keys, columns = np.unique(np.concatenate([listed, listing.keys[listing_any]]), return_inverse=True)
    places = (np.concatenate([rows, listing_any]), columns)
    counts = sp.coo_array(
        (np.ones(len(columns), np.float32), places), shape=(len(catalog), len(keys))
    ).tocsr()
    return Grams(sp.csr_array(counts), keys)
