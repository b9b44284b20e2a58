"""``shelfwise sample`` writes the catalogue that the demo trains on, of any number of products."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import write_sample
from shelfwise.catalog.shards.sources import find_files
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


def test_the_list_of_near_copies_names_products_with_nearly_the_same_words(tmp_path: Path) -> None:
    found = sample_catalog(tmp_path / "new", 400, images=False)
    catalog = read_catalog(Path(found["catalog"])).catalog
    texts = {}
    for row, identity in enumerate(catalog.ids):
        words = f"{catalog.column('title')[row]} {catalog.column('description')[row]}"
        texts[identity] = Counter(re.findall(r"\w+", words.lower()))
    lines = Path(found["near_copies"]).read_text().splitlines()
    copies = [json.loads(line) for line in lines]
    assert 5 < len(copies) < 30
    changes = []
    for copy in copies:
        one, other = texts[copy["copy_of"]], texts[copy["id"]]
        assert copy["words_changed"] == max((one - other).total(), (other - one).total())
        changes.append(copy["words_changed"])
    # another colour and a typo or two, but for the few that lack a text
    assert sorted(changes)[len(changes) // 2] <= 3


def test_the_list_of_near_copies_is_no_catalogue_file(tmp_path: Path) -> None:
    sample_catalog(tmp_path / "new", 30, images=False)
    assert [path.name for path in find_files([str(tmp_path / "new")])] == ["catalog.jsonl"]


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CatalogError, match="not an empty folder"):
        sample_catalog(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("is_there", [False, True])
def test_what_fails_leaves_nothing_in_the_way_of_the_next_run(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "new"
    if is_there:
        place.mkdir()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("shelfwise.catalog.sample.generator._write_image", full)
        with pytest.raises(OSError, match="No space left"):
            sample_catalog(place, 5)
    assert place.exists() == is_there
    assert sample_catalog(place, 5)["lines"] >= 5


def test_the_verb(command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = command("sample", "--products", 40, "--out", tmp_path / "new", "--no-images", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    lines = Path(found["catalog"]).read_bytes().splitlines()
    assert found["lines"] == len(lines) > 40
