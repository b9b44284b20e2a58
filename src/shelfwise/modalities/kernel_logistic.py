"""All fields of a product in one linear classifier a label: words, links, and vectors of texts and images.

Early fusion without a network. The classifiers see the sum of one kernel a field. For text and for lists of
related products it is the inner product of weighted n-grams or ids (linear). For the vectors that pre-trained
networks give of texts and images it is the Gaussian of their distance, so that nearest neighbours count. The
Gaussian part is brought down to the directions that a sample of training products spans (Nystrom; Williams
and Seeger 2001). That is exact where the sample is all of them, and keeps time and memory linear in the
number of products. One convex problem a label: nothing is random but the sample.

Dimensions: N products, L labels, D numbers of a vector.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field
from scipy.special import expit

from shelfwise.core.catalog import Catalog
from shelfwise.core.fitted import require_fitted
from shelfwise.core.modality import Modality
from shelfwise.core.types import (
    Bools,
    Context,
    Examples,
    Floats,
    RejectedField,
    State,
)
from shelfwise.features.kernel_inputs import KernelInputs
from shelfwise.features.min_count import MIN_COUNT
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.nystroem import NystroemFeatures
from shelfwise.features.related_ids import related_ids
from shelfwise.features.sentence_embeddings import encode_fields
from shelfwise.features.sentence_encoder import find_encoder, verify_encoder
from shelfwise.features.tfidf import BagSettings, NgramCounts
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.linear_weights import LinearWeights, random_projection
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest
from shelfwise.nn.state_tensors import as_arrays
from shelfwise.text.gram_counts import Grams
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.encoder_state import encoder_tensors, restored_encoder, source_facts
from shelfwise.vision.image_branch import Images
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.pretrained_weights import find_weights


class KernelLogisticSettings(LinearSettings, BagSettings):
    """How much each kind of field counts, and how the classifiers are kept simple."""

    encoder: str = Field(
        "auto",
        description="the sentence encoder that turns text into vectors: 'auto' for the packaged "
        "all-MiniLM-L6-v2, a folder, a name on the hub, or 'off' to use words alone",
    )
    max_tokens: int = Field(
        128,
        ge=4,
        le=512,
        description="tokens of a text that the sentence encoder reads; the rest is cut off",
    )
    backbone: str = Field(
        "resnet50",
        description="the frozen network that turns images into vectors: the name of a timm model",
    )
    text_weight: float = Field(
        2.0,
        ge=0,
        description="how much sentence vectors count; each field's words and letters count 1 each",
    )
    image_weight: float = Field(
        2.0, ge=0, description="how much image vectors count, on the same scale"
    )
    relations_weight: float = Field(
        3.0, ge=0, description="how much the lists of related products count, on the same scale"
    )
    gamma: float = Field(
        1.0,
        gt=0,
        description="width of the Gaussian kernels, exp(-gamma * squared distance): larger looks at nearer "
        "products only",
    )
    landmarks: int = Field(
        3000,
        ge=1,
        description="training products in the sample that the Gaussian kernels are computed with",
    )


class KernelLogistic(Modality):
    """One classifier of several fields, ``field = "title+description+image+related"``.

    ``related`` is a list of products (:mod:`shelfwise.features.co_purchase`), ``image`` an image; all others
    are text. A product is present if it has all of the texts and the image; it may lack the list.
    """

    Settings = KernelLogisticSettings
    settings: KernelLogisticSettings

    _encoder: ImageEncoder | None = None
    _model: LinearWeights | None = None
    _ngrams: NgramRows
    _nystroem: NystroemFeatures | None = None
    _facts: dict[str, Any]

    def __init__(self, settings: Any, field: str) -> None:
        super().__init__(settings, field)
        names = field.split("+")
        # two fields have a kind of their own, by their name; every other field is text
        self._texts = [name for name in names if name not in ("image", "related")]
        self._has_image = "image" in names
        self._has_relations = "related" in names
        # most products of a catalogue list nothing, so the lists are required only where there is no other
        # field
        self._required = [name for name in names if name != "related"] or ["related"]

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        return all(name in fields for name in self._required)

    def prepare(self, catalog: Catalog, context: Context) -> KernelInputs:
        """Count words, encode texts and images, read the lists.

        Raises:
            WeightsError: the encoder or the backbone is not available.
        """
        grams: list[Grams] = []
        least: list[int] = []
        vectors: dict[str, Floats] = {}
        present: list[Bools] = []
        refused: list[RejectedField] = []
        # the order of the kinds is the order of the vocabularies: n-grams of the texts, then ids
        if self._texts:
            counts = NgramCounts.read(catalog, self._texts, self.settings, every=True)
            grams += counts.grams
            least += counts.least
            present.append(counts.present)
            if self.settings.encoder != "off":
                vectors["sentences"] = self._sentence_vectors(catalog, context)
        if self._has_image:
            images = Images.read(catalog, "image", self._opened_encoder(), context)
            refused += images.refused
            present.append(images.present)
            vectors["pictures"] = images.mean_of_views()
        if self._has_relations:
            grams.append(related_ids(catalog))
            least.append(MIN_COUNT)
            if not present:  # the list is the only field, so a product needs one
                present.append(grams[-1].distinct > 0)
        has_all = np.all(present, axis=0)
        return KernelInputs(has_all, tuple(grams), tuple(least), vectors, refused=tuple(refused))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, landmarks and classifiers from `train` alone.

        Raises:
            WeightsError: as :meth:`prepare`.
        """
        chosen = self.settings
        inputs: KernelInputs = train.inputs
        self._ngrams = NgramRows.fit(inputs.grams, inputs.least, chosen, self.id_scale)
        self._nystroem = None
        if inputs.vectors:
            self._nystroem = NystroemFeatures.fit(
                inputs.vectors, self._kernel_weights, chosen.gamma, chosen.landmarks, context.seed
            )
        sparse, dense = self._kernel_inputs(inputs)
        if self._has_image:
            self._opened_encoder()  # it is saved with the model, even where another member read the images
        options = chosen.options(chosen.loss)
        self._model = fit_one_vs_rest(sparse, train.targets, options, dense)
        self._facts = self._source_facts() if inputs.vectors else {}
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L), and the logits as features, projected to at most `features` numbers."""
        model = self._fitted()
        sparse, dense = self._kernel_inputs(inputs)
        logits = model.logits(sparse, dense)
        return expit(logits), random_projection(logits, self.settings.features)

    def knows(self, inputs: Any) -> Bools:
        """(N,) which products have a word or id that was in the training, or an image."""
        known = [self._ngrams.knows(inputs.grams)] if inputs.grams else []
        # a sentence vector is no evidence: the encoder gives one to any letters
        if self._has_image:
            known.append(np.any(inputs.vectors["pictures"], axis=1))
        return np.asarray(inputs.present & np.any(known, axis=0))

    def state(self) -> State:
        """Known n-grams and ids with their weights, the landmarks, and the classifiers."""
        arrays = self._fitted().arrays() | self._ngrams.arrays()
        if self._nystroem is not None:
            arrays["turn"] = self._nystroem.turn
            for name, centre in self._nystroem.centres.items():
                arrays[f"centre.{name}"] = centre
                arrays[f"landmarks.{name}"] = self._nystroem.landmarks[name]
        # the sentence encoder stays in its package; an image backbone may come from a hub that is gone
        # tomorrow
        if self._encoder is not None:
            arrays |= as_arrays(encoder_tensors(self._encoder))
        return State(arrays, self._facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from.

        Raises:
            WeightsError: the encoder is not available, or is not the one that was used in training.
        """
        arrays = state.arrays
        self._facts = dict(state.facts)
        self._model = LinearWeights.from_state(arrays)
        self._ngrams = NgramRows.restored(arrays, self.settings, self.id_scale)
        # each kind of vectors has a mean and landmarks; without any there is no Gaussian part
        names = [name.removeprefix("centre.") for name in arrays if name.startswith("centre.")]
        if names:
            centres = {name: arrays[f"centre.{name}"] for name in names}
            landmarks = {name: arrays[f"landmarks.{name}"] for name in names}
            self._nystroem = NystroemFeatures(centres, landmarks, arrays["turn"])
        if "encoder" in self._facts:
            verify_encoder(self.settings.encoder, self._facts["encoder"], self._facts["sha256"])
        if "backbone" in self._facts:
            self._encoder = restored_encoder(
                self._facts["backbone"], self._encoder_settings, arrays
            )
        return self

    def provenance(self) -> dict[str, Any]:
        """The pre-trained networks, and how many n-grams, ids and directions of the kernel are known."""
        known = sum(len(vocabulary.keys) for vocabulary in self._ngrams.vocabularies)
        directions = 0 if self._nystroem is None else self._nystroem.turn.shape[1]
        # a note tells that another backbone stands in for the one of the settings
        note = self._facts.get("backbone", {}).get("note", "")
        notes = {"note": note} if note else {}
        return {**self._facts, "known": known, "directions": directions, **notes}

    @property
    def id_scale(self) -> float | None:
        """Factor of the weights of ids, None without any."""
        if not self._has_relations:
            return None
        # a kernel is a product of two inputs, so each of them is scaled by the root of its weight
        return float(np.sqrt(self.settings.relations_weight))

    @property
    def _kernel_weights(self) -> dict[str, float]:
        """What the kernel of each kind of vector counts."""
        return {"sentences": self.settings.text_weight, "pictures": self.settings.image_weight}

    @property
    def _encoder_settings(self) -> ImageEncoderSettings:
        return ImageEncoderSettings(
            backbone=self.settings.backbone, train_last=0, frozen_bn="inference", flip=True
        )

    def _opened_encoder(self) -> ImageEncoder:
        if self._encoder is None:
            source = find_weights(self.settings.backbone, "auto")
            self._encoder = ImageEncoder.open(source, self._encoder_settings)
        return self._encoder

    def _kernel_inputs(self, fields: KernelInputs) -> tuple[sp.csr_array, Floats | None]:
        """The sparse inputs (N, F), and the dense ones (N, K) where there are vectors."""
        # with vectors alone the sparse inputs have no columns
        sparse = sp.csr_array((len(fields), 0), dtype=np.float32)
        if fields.grams:
            sparse = self._ngrams.rows(fields.grams)
        if self._nystroem is None:
            return sparse, None
        return sparse, self._nystroem.apply(
            fields.vectors, self._kernel_weights, self.settings.gamma
        )

    def _sentence_vectors(self, catalog: Catalog, context: Context) -> Floats:
        """All texts of a product as one text, encoded (N, D)."""
        source = find_encoder(self.settings.encoder)
        return encode_fields(
            catalog, "+".join(self._texts), source, self.settings.max_tokens, context
        )

    def _source_facts(self) -> dict[str, Any]:
        """Which pre-trained networks the vectors come from."""
        facts: dict[str, Any] = {}
        if self._texts and self.settings.encoder != "off":
            source = find_encoder(self.settings.encoder)
            facts |= {"encoder": source.origin, "sha256": source.sha256}
        if self._has_image:
            facts["backbone"] = source_facts(find_weights(self.settings.backbone, "auto"))
        return facts

    def _fitted(self) -> LinearWeights:
        return require_fitted(self._model, f"the classifier of {self.field!r}")
