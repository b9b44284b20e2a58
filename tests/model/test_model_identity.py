"""What a model folder tells without loading the model."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from shelfwise.errors import BundleError
from shelfwise.model.bundle_reader import FORMATS
from shelfwise.model.model_identity import ModelIdentity


def kept(number: int, folder: Path) -> Path:
    with zipfile.ZipFile(Path(__file__).parent / f"model_of_format_{number}.zip") as packed:
        packed.extractall(folder)
    return folder / "model"


@pytest.mark.parametrize(("number", "labels", "separator"), [(1, 24, " > "), (2, 4, "")])
def test_models_of_every_format_tell_who_they_are(
    number: int, labels: int, separator: str, tmp_path: Path
) -> None:
    folder = kept(number, tmp_path)
    identity = ModelIdentity.read(folder)
    manifest = (folder / "MANIFEST.json").read_bytes()
    assert identity.fingerprint == hashlib.sha256(manifest).hexdigest()
    assert identity.labels == labels
    assert identity.catalog.category_separator == separator


def test_a_changed_model_does_not_tell(tmp_path: Path) -> None:
    folder = kept(FORMATS[-1], tmp_path)
    (folder / "labels.json").write_text('["Mugs"]')
    with pytest.raises(BundleError, match=r"labels\.json is not what was written"):
        ModelIdentity.read(folder)
