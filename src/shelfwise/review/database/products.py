"""The products that are reviewed, with what a model suggests for them.

Dimensions: N products, L labels, K candidate labels of each product, M members of the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from shelfwise.catalog.labels import Mode, stripped_paths
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Float64Array, Floats, Int64Array

SHOWN_FIELDS = ("title", "description", "brand", "price", "image")
"""What a person decides by: where one of them changes, the product comes back."""


@dataclass(frozen=True)
class Candidate:
    """A label that a person may give or take.

    Args:
        score: the calibrated probability; None for a label that the model does not know.
        members: what each member of the model makes of it.
        suggested: whether the model gives it.
        given: whether the catalogue gives it.
    """

    name: str
    path: tuple[str, ...]
    score: float | None
    members: Mapping[str, float]
    suggested: bool
    given: bool


@dataclass(frozen=True)
class ReviewProducts:
    """N products, ready to be shown.

    Only the K best labels of a product are kept: a million products with all scores would fill the memory.

    Args:
        catalog: the products.
        model_digest: of the model that suggests.
        names: of the L labels.
        paths: of each, from the root of the taxonomy to itself.
        given: the labels that the catalogue has for each product; None where it has none.
        candidates: (N, K) places of the best labels, falling by score; -1 where there are no more.
        scores: (N, K) theirs.
        members: by name, (N, K) what each member predicts; NaN where it does not see the product.
        suggested: (N, K) whether the model gives the label.
        automatic: (N,) whether every label may be accepted without a person, at the promised precision.
        uncertainty: (N,) how many labels are expected to be wrong.
        suspicion: (N,) the probability that a given label is wrong or missing; 0 without given labels.
        disagreement: (N,) how strongly two fields contradict each other.
        contradictions: by row, in words.
        look_alikes: (N,) a number that near-copies share.
        promise: the precision that `automatic` promises; None for a model without limits.
        seed: of the random sample. It does not come from the model: another one must find the same sample.
        mode: how category paths become labels.
        settings: how the file was read.
        further_paths: of labels that only an earlier model knew.
        training_ids: of the products that the model was trained on, as far as it remembers them.
        in_sample: (N,) whether the model was trained on the product and its scores do not come from models
            that had not seen it; None: of none.
    """

    catalog: Catalog
    model_digest: str
    names: tuple[str, ...]
    paths: Sequence[tuple[str, ...]]
    given: Sequence[frozenset[str] | None]
    candidates: Int64Array
    scores: Floats
    members: Mapping[str, Floats]
    suggested: Bools
    automatic: Bools
    uncertainty: Float64Array
    suspicion: Float64Array
    disagreement: Float64Array
    contradictions: Mapping[int, str]
    look_alikes: Int64Array
    promise: float | None = None
    seed: int = 0
    mode: Mode = "flat"
    settings: CatalogSettings = field(default_factory=CatalogSettings)
    further_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training_ids: frozenset[str] = frozenset()
    in_sample: Bools | None = None

    def __len__(self) -> int:
        return len(self.catalog)

    @cached_property
    def ids(self) -> list[str]:
        """The products' ids."""
        return self.catalog.ids

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Id -> row."""
        return {identity: row for row, identity in enumerate(self.ids)}

    @cached_property
    def titles(self) -> list[str]:
        """A name for each product: its title, or else its id."""
        titles = self.catalog.column("title")
        return [title or identity for title, identity in zip(titles, self.ids, strict=True)]

    def suggestion(self, row: int) -> tuple[str, ...]:
        """The labels that the model gives a product."""
        places = self.candidates[row][self.suggested[row]]
        return tuple(sorted(self.names[place] for place in places.tolist()))

    def starting_labels(self, row: int) -> tuple[str, ...]:
        """The labels of a product that nobody decided about: the catalogue's, or none."""
        return tuple(sorted(self.given[row] or ()))

    def shown(self, row: int) -> list[Candidate]:
        """The candidates of a product, the suggested and the given ones first."""
        given = self.given[row] or frozenset()
        found = []
        for column, place in enumerate(self.candidates[row].tolist()):
            if place >= 0:
                found.append(self._candidate(row, column, place, given))
        known = {candidate.name for candidate in found}
        for name in sorted(given - known):
            path = self.all_paths.get(name, (name,))
            found.append(Candidate(name, path, None, {}, False, True))
        # stable: by score among equals
        return sorted(found, key=lambda one: not (one.suggested or one.given))

    def fingerprint(self, row: int) -> str:
        """A sha256 of what a person sees of a product."""
        # every page asks for those of all decided products
        if row not in self._fingerprints:
            text = "\n".join(repr(self.field(name, row)) for name in SHOWN_FIELDS)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
            self._fingerprints[row] = digest.hexdigest()
        return self._fingerprints[row]

    @cached_property
    def _fingerprints(self) -> dict[int, str]:
        return {}

    def field(self, name: str, row: int) -> object:
        """One field of one product."""
        return self.catalog.value(name, row)

    def further_fields(self, row: int) -> dict[str, str]:
        """The columns that the model does not know."""
        ours = {"id", "categories", "related", *SHOWN_FIELDS}
        found = {}
        for name in self.catalog.columns:
            value = None if name in ours else self.field(name, row)
            if value is not None:
                found[name] = str(value)
        return found

    @cached_property
    def all_paths(self) -> dict[str, tuple[str, ...]]:
        """The path of every label that this model, an earlier one or the catalogue knows."""
        known = dict(zip(self.names, self.paths, strict=True))
        return {**self._catalog_paths, **self.further_paths, **known}

    @cached_property
    def _catalog_paths(self) -> dict[str, tuple[str, ...]]:
        """The path of every label that has one place in the catalogue's tree."""
        # in other modes a label's name tells its path, or nothing lies above it
        if self.mode != "flat":
            return {}
        found: dict[str, set[tuple[str, ...]]] = {}
        for paths in self.catalog.column("categories"):
            for path in stripped_paths(paths):
                for depth, name in enumerate(path, start=1):
                    found.setdefault(name, set()).add(tuple(path[:depth]))
        # what lies above a name in several places cannot be told
        return {name: min(places) for name, places in found.items() if len(places) == 1}

    def ancestors(self, name: str) -> tuple[str, ...]:
        """The labels above a label."""
        return self.path_of(name)[:-1]

    def path_of(self, name: str) -> tuple[str, ...]:
        """The labels from the root to a label; one without a known place stands alone."""
        return self.all_paths.get(name, (name,))

    @cached_property
    def _copies(self) -> dict[int, list[int]]:
        groups: dict[int, list[int]] = {}
        for row, group in enumerate(self.look_alikes.tolist()):
            groups.setdefault(group, []).append(row)
        return groups

    def copies_of(self, row: int) -> list[int]:
        """The rows of the other products that are nearly the same."""
        return [other for other in self._copies[int(self.look_alikes[row])] if other != row]

    def _candidate(self, row: int, column: int, place: int, given: frozenset[str]) -> Candidate:
        members = {}
        for name, scores in self.members.items():
            score = float(scores[row, column])
            # a member without the product's field says nothing
            if not np.isnan(score):
                members[name] = score
        return Candidate(
            name=self.names[place],
            path=self.paths[place],
            score=float(self.scores[row, column]),
            members=members,
            suggested=bool(self.suggested[row, column]),
            given=self.names[place] in given,
        )
