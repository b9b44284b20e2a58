"""Opens a model folder, whether it holds a full model or an exported graph."""

from __future__ import annotations

from pathlib import Path

from shelfwise.export.runtime import EXPORTED, OnnxModel
from shelfwise.model.bundle import load_bundle
from shelfwise.model.model import Model
from shelfwise.model.predictor import Predictor


def open_model(folder: Path) -> Predictor:
    """The model in `folder`, exported or not, after its files were verified.

    Raises:
        BundleError: no model there, or a file that was changed since it was saved.
    """
    bundle = load_bundle(folder)
    if EXPORTED in bundle.facts:
        return OnnxModel.from_bundle(bundle)
    return Model.from_bundle(bundle)
