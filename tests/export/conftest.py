"""What the tests of exported models need: one exported model."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.commands.export import export_bundle


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model of the paper's preset, exported."""
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    found = export_bundle(trained, folder)
    assert found["inputs"] == {"image": "image", "description": "description", "title": "title"}
    return folder
