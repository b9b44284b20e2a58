"""Opens a model folder, whether it holds a full model or an exported graph."""

from __future__ import annotations

from pathlib import Path

from shelfwise.errors import BundleError
from shelfwise.export.runtime import EXPORTED, OnnxModel
from shelfwise.model.bundle import load_bundle
from shelfwise.model.bundle_reader import RESTORE
from shelfwise.model.model import Model
from shelfwise.model.predictor import Predictor

MISFITS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OverflowError,
    MemoryError,
)
"""What restoring raises where a whole manifest names parts that were never saved together."""


def open_model(folder: Path, labels_only: bool = False) -> Predictor:
    """The model in `folder`, exported or not, after its files were verified.

    Args:
        labels_only: as for :func:`~shelfwise.model.bundle.load_bundle`. The labels are the same.

    Raises:
        BundleError: no model there, a file that was changed since it was saved, or parts of different models.
    """
    bundle = load_bundle(folder, labels_only)
    kind = OnnxModel if EXPORTED in bundle.facts else Model
    try:
        return kind.from_bundle(bundle)
    except MISFITS as error:
        raise BundleError(
            f"the parts of the model {folder} do not fit together ({type(error).__name__}: {error}); "
            f"{RESTORE}"
        ) from error
