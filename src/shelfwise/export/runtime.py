"""An exported model alive: one graph, answered by ONNX Runtime. Needs neither torch nor timm.

What stands around the graph (thresholds, acceptance, a migration) is that of any model, so an exported one predicts, evaluates and
promises precision as the model it was made from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats, Prediction, RejectedField, Rows
from shelfwise.errors import PluginError
from shelfwise.export.graph_inputs import GraphReading, Reader, reader
from shelfwise.model.bundle import Bundle
from shelfwise.model.model import MemberPredictions, Model

GRAPH, EXPORTED, PRESENT = "model.onnx", "exported", "present"
BATCH = 32
Run = Callable[[Mapping[str, NDArray[Any]]], Floats]


@dataclass(frozen=True)
class Inputs:
    """B products as the graph's inputs, and which of their fields could not be used."""

    arrays: Mapping[str, NDArray[Any]]
    refused: tuple[RejectedField, ...]


@dataclass(frozen=True)
class GraphBatches:
    """A catalogue as any products' inputs of a graph; safe to be asked by several threads."""

    readings: Mapping[str, GraphReading]

    @property
    def lengths(self) -> Rows:
        """(N,) what grows with the work of a product."""
        return np.asarray(np.sum([reading.lengths for reading in self.readings.values()], axis=0))

    def __call__(self, rows: Rows) -> Inputs:
        """The given products."""
        portions = {name: reading.portion(rows) for name, reading in self.readings.items()}
        present = np.stack([portion.present for portion in portions.values()], axis=1)
        refused = tuple(refusal for portion in portions.values() for refusal in portion.refused)
        return Inputs(
            {PRESENT: present, **{name: portion.rows for name, portion in portions.items()}}, refused
        )


@dataclass
class OnnxModel(Model):
    """A model whose deciding system is a graph; it has no members of its own, and answers with that system's scores alone.

    Args:
        graph: the ONNX file's bytes.
        readers: what each input of the graph is made from, by its name.
    """

    graph: bytes = field(default=b"", kw_only=True, repr=False)
    readers: dict[str, Reader] = field(default_factory=dict, kw_only=True)

    def predict_members(
        self, catalog: Catalog, context: Context, members: Iterable[str] | None = None
    ) -> MemberPredictions:
        """Answer for every product of `catalog`, in batches of texts of about one length, as many batches at a time as there are cores.

        Args:
            members: of no account: the graph holds the deciding system whole.

        Raises:
            PluginError: onnxruntime is not installed.
        """
        started = time.perf_counter()
        inputs = self.inputs(catalog)
        order = np.argsort(-inputs.lengths, kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        cores = os.cpu_count() or 1
        run = self._runners(1 if len(batches) > 1 else cores)

        def answer(rows: Rows) -> tuple[Floats, Inputs]:
            given = inputs(rows)
            return run(given.arrays), given

        scores, present = (
            np.zeros((len(catalog), self.n_trained_labels), np.float32),
            np.zeros(len(catalog), bool),
        )
        refused: list[RejectedField] = []
        with ThreadPoolExecutor(cores) as pool:
            answered = pool.map(answer, batches) if len(batches) > 1 else map(answer, batches)
            for rows, (some, given) in zip(batches, answered, strict=True):
                scores[rows], present[rows] = some, given.arrays[PRESENT].any(axis=1)
                refused += given.refused
        nothing = np.zeros((len(catalog), 0), np.float32)
        said = {self.decide_with: Prediction(scores, nothing, present)}
        return MemberPredictions(
            said, tuple(dict.fromkeys(refused)), {self.decide_with: time.perf_counter() - started}
        )

    def inputs(self, catalog: Catalog) -> GraphBatches:
        """The products of `catalog` as inputs of the graph."""
        return GraphBatches({name: one.open(catalog) for name, one in self.readers.items()})

    def raw_scores(self, answers: MemberPredictions, system: str) -> Floats:
        """Scores (N, L) of the deciding system as the graph gives them; it knows no other `system`."""
        return answers.predictions[self.decide_with].probabilities

    def calibrated(self, scores: Floats) -> Floats:
        """The graph's scores (N, L), which are calibrated already, as probabilities of the model's `labels`."""
        return self.consistency.propagate_to_ancestors(self.map_labels(scores))

    def bundle(self) -> Bundle:
        """The exported model as plain values."""
        exported = {"readers": {name: one.facts() for name, one in self.readers.items()}}
        whole = super().bundle()
        return replace(whole, facts={**whole.facts, EXPORTED: exported}, attachments={GRAPH: self.graph})

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> OnnxModel:
        """The exported model that `bundle` was taken from."""
        model = super().from_bundle(bundle)
        assert isinstance(model, cls)
        model.graph = bundle.attachments[GRAPH]
        model.readers = {name: reader(one) for name, one in model.facts.pop(EXPORTED)["readers"].items()}
        return model

    @cached_property
    def _runners(self) -> Callable[[int], Run]:
        """The graph made ready for so many threads a call; kept, as making it ready takes longer than running it."""
        return lru_cache(lambda threads: _runner(self.graph, threads))


def _runner(graph: bytes, threads: int) -> Run:
    try:
        runtime = import_module("onnxruntime")
    except ModuleNotFoundError:
        raise PluginError(
            "the exported model is run by onnxruntime, which is not installed; pip install 'shelfwise[onnx]'"
        ) from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda inputs: np.asarray(session.run(None, dict(inputs))[0])
