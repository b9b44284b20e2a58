"""An exported model in memory: one graph, computed by ONNX Runtime. Needs neither torch nor timm.

What stands around the graph (thresholds, acceptance limits, a migration) is that of any predictor, so an
exported model predicts, evaluates and keeps its promised precision as the model it was exported from.

Dimensions: N products of a catalogue, B of them in a batch, M inputs of the graph, L labels.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.device_request import requested_device
from shelfwise.core.libraries import library
from shelfwise.core.types import (
    Bools,
    Context,
    Floats,
    Matrix,
    Prediction,
    RejectedField,
    Rows,
    State,
)
from shelfwise.errors import BundleError, DeviceError
from shelfwise.export.graph_file import GraphFile
from shelfwise.export.graph_inputs import GraphReading, Reader
from shelfwise.export.readers import reader
from shelfwise.model.bundle import Bundle
from shelfwise.model.bundle_reader import RESTORE
from shelfwise.model.predictor import MemberPredictions, Predictor, shared_parts
from shelfwise.model.unknown_products import unknown_fields

GRAPH = "model.onnx"
"""The graph's file in the bundle."""

EXPORTED = "exported"
"""The fact that only an exported model has: what its graph reads."""

INPUT = "input."
"""Begins the name of a section with the arrays that an input is made with."""

PRESENT = "present"
"""The graph's first input: presence (B, M)."""

BATCH = 32

Run = Callable[[Mapping[str, NDArray[Any]]], Floats]


@dataclass(frozen=True)
class Inputs:
    """B products as the graph's inputs.

    Args:
        refused: the fields that could not be used.
        unknown: (B,) which products have fields of which no member knows anything; they count as absent.
    """

    arrays: Mapping[str, NDArray[Any]]
    refused: tuple[RejectedField, ...]
    unknown: Bools


@dataclass(frozen=True)
class GraphBatches:
    """A catalogue, ready to give any of its products as inputs of a graph; several threads may call it.

    Args:
        readings: by input.
        members: by member, the inputs that make it present.
    """

    readings: Mapping[str, GraphReading]
    members: Mapping[str, tuple[str, ...]]

    @property
    def lengths(self) -> Rows:
        """(N,) what grows with the work of a product."""
        lengths = [reading.lengths for reading in self.readings.values()]
        return np.asarray(np.sum(lengths, axis=0))

    def __call__(self, rows: Rows) -> Inputs:
        """The given products."""
        portions = {name: reading.portion(rows) for name, reading in self.readings.items()}
        present = np.zeros((len(rows), len(self.members)), np.bool_)
        known = np.zeros(len(rows), np.bool_)
        # told: by a member with an input that can tell what it knows
        told = np.zeros(len(rows), np.bool_)
        for place, names in enumerate(self.members.values()):
            own = [portions[name] for name in names]
            present[:, place] = np.all([portion.present for portion in own], axis=0)
            knows = [portion.known for portion in own if portion.known is not None]
            if knows:
                can_tell = np.any([portion.can_tell() for portion in own], axis=0)
                told |= present[:, place] & can_tell
                known |= present[:, place] & np.any(knows, axis=0)
        # the scores of a product of which nothing is known would be the average of the training
        unknown = told & ~known
        present[unknown] = False
        arrays = {PRESENT: present}
        for name, portion in portions.items():
            arrays |= portion.arrays(name)
        refused = tuple(rejected for portion in portions.values() for rejected in portion.refused)
        return Inputs(arrays, refused, unknown)


@dataclass
class OnnxModel(Predictor):
    """A model whose final system is a graph. It has no members: it predicts that system's scores alone.

    Args:
        graph: the ONNX file.
        readers: what each input of the graph is made from, by its name.
        member_inputs: by member of the final system, the inputs that make it present.
        threads: how many it computes on; None for as many as there are cores. Not saved.
    """

    graph: GraphFile = field(repr=False)
    readers: dict[str, Reader]
    member_inputs: dict[str, tuple[str, ...]]
    threads: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The catalogue columns that the graph reads, each once."""
        names: dict[str, None] = {}
        for member in self.member_inputs:
            # a member of several fields names them with a plus sign between
            names |= dict.fromkeys(self.config.members[member].field.split("+"))
        return tuple(names)

    def members_of(self, system: str) -> tuple[str, ...]:
        """The final system itself: the graph fuses its members, and gives nothing of them."""
        return (system,)

    def predict_members(
        self, catalog: Catalog, context: Context, members: Iterable[str] | None = None
    ) -> MemberPredictions:
        """The final system's scores of every product of `catalog`, under its name.

        Products are computed in batches of texts of about one length, as many batches at a time as there are
        cores.

        Args:
            members: without effect, as the graph holds the whole final system.

        Raises:
            PluginError: onnxruntime is not installed.
            BundleError: the graph is not the one that the model was saved with.
        """
        started = time.perf_counter()
        inputs = self.inputs(catalog)
        scores = np.zeros((len(catalog), self.n_trained_labels), np.float32)
        present = np.zeros(len(catalog), bool)
        unknown = np.zeros(len(catalog), bool)
        refused: list[RejectedField] = []
        for rows, batch_scores, batch in self._batches(inputs):
            # one column would be spread over all labels
            if batch_scores.shape != (len(rows), self.n_trained_labels):
                wanted = (len(rows), self.n_trained_labels)
                raise misfit(f"its scores are {batch_scores.shape}, expected {wanted}")
            scores[rows] = batch_scores
            present[rows] = batch.arrays[PRESENT].any(axis=1)
            unknown[rows] = batch.unknown
            refused += batch.refused
        refused += unknown_fields(catalog, np.flatnonzero(unknown), self.fields, refused)
        # features stay inside the graph
        no_features = np.zeros((len(catalog), 0), np.float32)
        # several inputs may read one image, and each rejects it
        refused_once = tuple(dict.fromkeys(refused))
        return MemberPredictions(
            predictions={self.decide_with: Prediction(scores, no_features, present)},
            refused=refused_once,
            seconds={self.decide_with: time.perf_counter() - started},
        )

    def inputs(self, catalog: Catalog) -> GraphBatches:
        """The products of `catalog` as inputs of the graph."""
        readings = {name: one.open(catalog) for name, one in self.readers.items()}
        return GraphBatches(readings, self.member_inputs)

    def raw_scores(self, answers: MemberPredictions, system: str) -> Matrix:
        """Scores (N, L) of the final system as the graph gives them; it knows no other `system`."""
        return answers.predictions[self.decide_with].probabilities

    def calibrated(self, scores: Matrix) -> Matrix:
        """The graph's scores (N, L), which are calibrated, as probabilities of the model's `labels`."""
        return self.consistency.propagate_to_ancestors(self.map_labels(scores))

    def bundle(self) -> Bundle:
        """The exported model as plain values."""
        shared = super().bundle()
        readers = {name: one.facts() for name, one in self.readers.items()}
        arrays = {name: one.saved() for name, one in self.readers.items()}
        sections = {f"{INPUT}{name}": State(saved) for name, saved in arrays.items() if saved}
        members = {name: list(inputs) for name, inputs in self.member_inputs.items()}
        # the facts of every model on disk name its members and systems; here there are none
        facts = {**shared.facts, "members": [], "systems": {}}
        facts[EXPORTED] = {"readers": readers, "members": members}
        sections |= shared.sections
        return replace(
            shared, facts=facts, sections=sections, attachments={GRAPH: self.graph.read()}
        )

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> OnnxModel:
        """The exported model that `bundle` was taken from."""
        parts = shared_parts(bundle)
        facts = parts["facts"]
        for always_empty in ("members", "systems"):
            facts.pop(always_empty)
        saved = facts.pop(EXPORTED)
        readers = {}
        for name, own_facts in saved["readers"].items():
            state = bundle.sections.get(f"{INPUT}{name}", State())
            readers[name] = reader(own_facts, state.arrays)
        # in models of earlier versions each member has one input, of its own name
        members = saved.get("members", {name: [name] for name in readers})
        inputs = {name: tuple(names) for name, names in members.items()}
        graph = GraphFile(bundle.attachments[GRAPH])
        return cls(graph=graph, readers=readers, member_inputs=inputs, **parts)

    def _batches(self, inputs: GraphBatches) -> Iterator[tuple[Rows, Floats, Inputs]]:
        """Rows, their scores and their inputs, batch by batch."""
        # longest first: the batches at the end are short, so no core waits long for the last one
        order = np.argsort(-inputs.lengths, kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        cores = self.threads or os.cpu_count() or 1
        # either batches share the cores, or the threads of one batch do
        run = self._runners(1 if len(batches) > 1 else cores)

        def compute(rows: Rows) -> tuple[Floats, Inputs]:
            batch = inputs(rows)
            return run(batch.arrays), batch

        with ThreadPoolExecutor(cores) as pool:
            # a single batch needs no thread of its own
            computed = pool.map(compute, batches) if len(batches) > 1 else map(compute, batches)
            for rows, (scores, batch) in zip(batches, computed, strict=True):
                yield rows, scores, batch

    @cached_property
    def _runners(self) -> Callable[[int], Run]:
        """The graph, made ready for so many threads a call; kept, as that takes longer than a run."""
        return lru_cache(lambda threads: runner(self.graph, threads))


def runner(graph: GraphFile, threads: int) -> Run:
    """The graph as a function of its inputs, on so many threads.

    Raises:
        PluginError: onnxruntime is not installed.
        DeviceError: a GPU was asked for.
        BundleError: the graph cannot be opened; its function raises it where inputs do not fit.
    """
    runtime = library("onnxruntime", "onnx", "an exported model")
    # refused, not passed over: who asked for a GPU waits for its speed
    if requested_device().startswith("cuda"):
        raise DeviceError(
            f"{requested_device()} was asked for, but exported models run on the processor; ask for cpu or "
            "auto, or use the model it was exported from"
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        providers = ["CPUExecutionProvider"]
        session = runtime.InferenceSession(graph.source(), options, providers=providers)
    except Exception as error:
        # its errors have no common class
        raise misfit(error) from error

    def run(inputs: Mapping[str, NDArray[Any]]) -> Floats:
        try:
            return np.asarray(session.run(None, dict(inputs))[0])
        except Exception as error:
            raise misfit(error) from error

    return run


def misfit(reason: object) -> BundleError:
    """The error of a graph that is not the one of the model around it."""
    first_line = str(reason).partition("\n")[0]
    return BundleError(f"{GRAPH} does not fit the model around it ({first_line}); {RESTORE}")
