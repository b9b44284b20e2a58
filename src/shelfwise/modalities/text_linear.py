"""Bags of word and letter n-grams, and one linear classifier a label: quick, and strong on product text.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as
TF-IDF); Kozareva 2015 (n-grams and linear classifiers of titles).
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field
from scipy.special import expit

from shelfwise.core.catalog import Catalog
from shelfwise.core.fitted import require_fitted
from shelfwise.core.modality import Modality
from shelfwise.core.sparse_rows import one_below_another
from shelfwise.core.types import Bools, Context, Examples, Floats, Matrix, State
from shelfwise.features.ngram_blocks import NgramBlocks
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.tfidf import BagSettings, NgramCounts
from shelfwise.nn.linear.label_tree import LabelTree, is_label_tree
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.linear_weights import LinearWeights, random_projection
from shelfwise.nn.linear.logistic_in_batches import fit_logistic_in_batches
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest
from shelfwise.nn.linear.row_shards import RowShards
from shelfwise.nn.memory import give_back_memory

EXACT = "exact"


class TextLinearSettings(LinearSettings, BagSettings):
    """What is counted, how it is weighed, and how the classifiers are kept simple."""

    present: Literal["any", "all"] = Field(
        "any",
        description="which products this member predicts: those with text in any of its fields, or in all of "
        "them",
    )
    exact_up_to: int = Field(
        100_000,
        ge=1,
        description="products up to which n-grams are held in memory and the classifiers solved exactly; "
        "of larger catalogues n-grams go to a temporary file, from which the classifiers learn in batches, "
        "unless they are a label tree",
    )
    prune_in_batches: float = Field(
        0.2,
        ge=0,
        description="`prune` of classifiers that learn in batches, which give more n-grams a small weight "
        "than the exact solver does",
    )
    tree_from: int | None = Field(
        2_000,
        ge=2,
        description="labels from which on the classifiers are a label tree: quicker, and in less memory, as "
        "each learns from products that may have its label; a tree has no ONNX export; more than there are "
        "labels, or None: never",
    )


class TextLinear(Modality):
    """One classifier of one or several text fields; each field has n-grams of its own."""

    Settings = TextLinearSettings
    takes_sparse_targets = True
    settings: TextLinearSettings

    _model: LinearWeights | LabelTree | None = None
    _ngrams: NgramRows
    _solver: str = EXACT

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        names = self.field.split("+")
        present = [name in fields for name in names]
        return all(present) if self.settings.present == "all" else any(present)

    def prepare(self, catalog: Catalog, context: Context) -> NgramCounts | NgramBlocks:
        """Count every n-gram of every field; of a large catalogue into a temporary file."""
        every = self.settings.present == "all"
        fields = self.field.split("+")
        if len(catalog) > self.settings.exact_up_to:
            return NgramBlocks.read(catalog, fields, self.settings, context, every=every)
        return NgramCounts.read(catalog, fields, self.settings, every=every)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, their weights and the classifiers from `train` alone.

        Nothing is random, but the order in which products of a large catalogue are learnt from.
        """
        labels = train.targets.shape[1]
        # first: a tree solves for few labels at a time, however many products there are
        least = self.settings.tree_from
        if least is not None and labels >= least:
            self._fit_tree(train.inputs, train.targets)
            self._solver = f"label tree, because {labels:,} labels are {least:,} or more"
        elif isinstance(train.inputs, NgramBlocks):
            self._fit_in_batches(train.inputs, train.targets, context)
        else:
            self._fit_exactly(train.inputs, train.targets)
        return self

    def _fit_tree(self, inputs: NgramCounts | NgramBlocks, targets: Matrix) -> None:
        # a cluster's products are anywhere: the rows of all are in memory, 8 bytes an n-gram
        if isinstance(inputs, NgramBlocks):
            self._ngrams = inputs.fitted_rows(self.settings)
            parts = (self._ngrams.rows(portion.grams) for portion in inputs.portions())
            rows = one_below_another(parts, self._ngrams.width)
        else:
            rows = self._fitted_rows(inputs)
        self._model = LabelTree.fit(rows, sp.csr_array(targets), self.settings)

    def _fitted_rows(self, counts: NgramCounts) -> sp.csr_array:
        """Learn the n-grams; the rows (N, F) of the products that they are learnt from."""
        # every field has a vocabulary of its own for words, and one for letters: "red" in a title is not
        # "red" in a description
        grams = counts.grams
        self._ngrams = NgramRows.fit(grams, counts.least, self.settings)
        return self._ngrams.rows(grams)

    def _fit_exactly(self, counts: NgramCounts, targets: Matrix) -> None:
        chosen = self.settings
        rows = self._fitted_rows(counts)
        self._model = fit_one_vs_rest(rows, targets, chosen.options(chosen.loss))
        self._solver = EXACT

    def _fit_in_batches(self, blocks: NgramBlocks, targets: Matrix, context: Context) -> None:
        chosen = self.settings
        self._ngrams = blocks.fitted_rows(chosen)
        # the memory that counting has freed goes back before the weights are made
        give_back_memory()
        # rows wait in files, as memory has no room for all; the seed chooses which are learnt from together
        shards = RowShards(len(blocks), self._ngrams.width, context.seed)
        for portion in blocks.portions():
            shards.append(self._ngrams.rows(portion.grams))
        cost = chosen.options("logistic").cost
        options = (cost, chosen.positive_weight, chosen.prune_in_batches)
        self._model = fit_logistic_in_batches(shards, targets, *options, context)
        why = f"the catalogue has more than {chosen.exact_up_to:,} products"
        self._solver = f"AdaGrad in batches, because {why}"

    def predict(self, inputs: Any, context: Context) -> tuple[Matrix, Floats]:
        """Probabilities (N, L), and the logits as features, projected to at most `features` numbers."""
        parts = [self._answers(portion) for portion in inputs.portions()]
        if len(parts) == 1:
            return parts[0]
        probabilities, features = zip(*parts, strict=True)
        if self.predicts_sparse:
            return sp.csr_array(sp.vstack(probabilities, format="csr")), np.concatenate(features)
        return np.concatenate(probabilities), np.concatenate(features)

    @property
    def predicts_sparse(self) -> bool:
        """Whether a label tree predicts."""
        return isinstance(self._model, LabelTree)

    def _answers(self, counts: NgramCounts) -> tuple[Matrix, Floats]:
        model = self._fitted()
        rows = self._ngrams.rows(counts.grams)
        if isinstance(model, LabelTree):
            # it has logits of some labels only, so its probabilities are the features
            probabilities = model.probabilities(rows)
            return probabilities, random_projection(probabilities, self.settings.features)
        logits = model.logits(rows)
        # a linear classifier has no hidden layer, so what it hands to feature fusion are its logits
        features = random_projection(logits, self.settings.features)
        # with thousands of labels there is no room for logits beside probabilities
        own_place = None if features is logits else logits
        return expit(logits, out=own_place), features

    def knows(self, inputs: Any) -> Bools:
        """(N,) which products have a word, or letters of one, that was in the training."""
        known = [self._ngrams.knows(portion.grams) for portion in inputs.portions()]
        return np.asarray(inputs.present & np.concatenate(known))

    def state(self) -> State:
        """Known n-grams with their weights, and the classifiers as sparse rows."""
        # the n-grams are kept as 64-bit keys, with their weights
        arrays = self._fitted().arrays() | self._ngrams.arrays()
        return State(arrays, {"solver": self._solver})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        kind = LabelTree if is_label_tree(state.arrays) else LinearWeights
        self._model = kind.from_state(state.arrays)
        self._ngrams = NgramRows.restored(state.arrays, self.settings)
        # models that were saved before there was another one say nothing
        self._solver = state.facts.get("solver", EXACT)
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams are known, how many weights are kept, and how these were found."""
        model = self._fitted()
        values = model.rankers.values if isinstance(model, LabelTree) else model.weights.data
        return {"ngrams": self._ngrams.width, "weights": len(values), "solver": self._solver}

    def _fitted(self) -> LinearWeights | LabelTree:
        if isinstance(self._model, LabelTree):
            return self._model
        return require_fitted(self._model, f"the linear classifier of {self.field!r}")
