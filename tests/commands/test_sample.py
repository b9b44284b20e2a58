"""``shelfwise sample`` writes the catalogue that the demo trains on, of any number of products."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import write_sample
from shelfwise.commands.sample import sample_catalog
from shelfwise.errors import CatalogError


def test_the_same_products_with_and_without_images(tmp_path: Path) -> None:
    drawn = sample_catalog(tmp_path / "drawn", 30)
    texts = sample_catalog(tmp_path / "texts", 30, images=False)
    assert not (tmp_path / "texts" / "images").exists()
    assert len(list((tmp_path / "drawn" / "images").iterdir())) > 20
    assert Path(drawn["catalog"]).read_bytes() == write_sample(tmp_path / "same", 30).read_bytes()
    first, second = (read_catalog(Path(found["catalog"])).catalog for found in (drawn, texts))
    for name in ("id", "title", "description", "categories", "price"):
        assert first.column(name) == second.column(name)
    assert set(second.column("image")) == {None}


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CatalogError, match="not an empty folder"):
        sample_catalog(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_verb(command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = command("sample", "--products", 40, "--out", tmp_path / "new", "--no-images", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    lines = Path(found["catalog"]).read_bytes().splitlines()
    assert found["lines"] == len(lines) > 40
