"""Models that somebody has edited, with a manifest that agrees: one sentence, no traceback."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import BundleError, WeightsError
from shelfwise.export.loading import open_model
from shelfwise.features.sentence_encoder import verify_encoder
from shelfwise.model.bundle_reader import MANIFEST, manifest_text


def drop_thresholds(facts: dict[str, Any]) -> None:
    del facts["thresholds"]


def name_unknown_member(facts: dict[str, Any]) -> None:
    facts["members"].append("smell")


def forget_members(facts: dict[str, Any]) -> None:
    """Systems still name them."""
    facts["members"] = {}


def empty(facts: dict[str, Any]) -> None:
    facts.clear()


def reseal(folder: Path) -> None:
    """A manifest for the files as they are."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    digests = {path.name: sha256_of_file(path) for path in files}
    (folder / MANIFEST).write_text(manifest_text({"format": 2, "files": digests}), "utf-8")


def edit(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_text("utf-8"))
    change(value)
    path.write_text(manifest_text(value), "utf-8")


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("change", [drop_thresholds, name_unknown_member, forget_members, empty])
def test_facts_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Any]], None], copy: Path
) -> None:
    edit(copy / "facts.json", change)
    reseal(copy)
    with pytest.raises(BundleError, match="do not fit together"):
        open_model(copy)


def test_parts_that_are_no_objects_are_refused(copy: Path) -> None:
    (copy / "config.json").write_text("[" * 100_000 + "]" * 100_000, "utf-8")
    reseal(copy)
    with pytest.raises(BundleError, match="cannot be read as JSON"):
        open_model(copy)


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that anybody looks up or connects to; nothing is reached."""
    asked: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        asked.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


def test_loading_asks_no_hub_for_a_backbone(copy: Path, canary: list[Any]) -> None:
    def elsewhere(facts: dict[str, Any]) -> None:
        facts["used"] = "hf-hub:somebody/something"

    edit(copy / "member.image.json", elsewhere)
    reseal(copy)
    with pytest.raises(WeightsError, match="no backbone called 'hf-hub:somebody/something'"):
        open_model(copy)
    assert canary == []


def test_loading_asks_no_hub_for_an_encoder(canary: list[Any]) -> None:
    with pytest.raises(WeightsError, match="loading a model downloads nothing"):
        verify_encoder("somebody/something", "hub somebody/something", "0" * 64)
    assert canary == []
