"""What a model may be written over: an older model and its report, and nothing that people put there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shelfwise.errors import BundleError
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle


@pytest.mark.parametrize("name", ["notes.txt", "report/audit.jsonl"])
def test_files_that_people_put_beside_a_model_are_not_lost(
    name: str, bundle: Bundle, tmp_path: Path
) -> None:
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "report").mkdir()
    (tmp_path / "model" / name).write_text("typed by hand")
    with pytest.raises(BundleError, match=f"would be lost: {name}; move them"):
        save_bundle(bundle, tmp_path / "model")
    assert (tmp_path / "model" / name).read_text() == "typed by hand"


def test_of_many_files_that_would_be_lost_three_are_named(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    for name in "dabc":
        (tmp_path / "model" / name).touch()
    with pytest.raises(BundleError, match="would be lost: a, b, c; move them"):
        save_bundle(bundle, tmp_path / "model")


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"format": 2}', b"\xff"])
def test_a_model_whose_manifest_is_damaged_can_be_replaced(
    manifest: bytes, bundle: Bundle, tmp_path: Path
) -> None:
    """Its files are known by their endings then; others are still not lost."""
    folder = tmp_path / "model"
    save_bundle(replace(bundle, attachments={"graph.onnx": b"graph"}), folder)
    (folder / "MANIFEST.json").write_bytes(manifest)
    (folder / "notes.txt").write_text("typed by hand")
    with pytest.raises(BundleError, match=r"would be lost: notes\.txt; move them"):
        save_bundle(bundle, folder)
    (folder / "notes.txt").unlink()
    save_bundle(bundle, folder)
    assert load_bundle(folder).labels == bundle.labels


def test_files_that_the_manifest_names_may_be_replaced(bundle: Bundle, tmp_path: Path) -> None:
    """Whatever their endings are."""
    attached = replace(bundle, attachments={"words.txt": b"mug"})
    for _ in range(2):
        save_bundle(attached, tmp_path / "model")
    assert load_bundle(tmp_path / "model").attachments == {"words.txt": b"mug"}


def test_what_we_write_into_a_report_may_be_replaced(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    report = tmp_path / "model" / "report"
    report.mkdir()
    for name in (
        "index.html",
        "figure_2.svg",
        "results.json",
        "results.md",
        "before_after.md",
        "before_after.json",
        "migration.json",
        "quarantine.jsonl",
        "quarantine.test.jsonl",
        "refused.jsonl",
    ):
        (report / name).touch()
    save_bundle(bundle, tmp_path / "model")


def test_the_folder_one_works_in_is_not_replaced(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="the folder this command runs in"):
        save_bundle(bundle, Path())


def test_another_folder_is_not_overwritten(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(BundleError, match="not a shelfwise model"):
        save_bundle(bundle, tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"meow"
