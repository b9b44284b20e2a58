"""Lists that begin far down in a file, as in one that is sorted, are read or told."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.reading import byte_stream
from shelfwise.catalog.reading.detection import file_beginning
from shelfwise.catalog.reading.streaming import block_cutting
from tests.catalog.reading.written_products import paths_read, read, table

NAMES = ("Mugs", "Lamps", "Rugs", "Pans", "Pots", "Caps")
SINGLE = [(name,) for name in NAMES] * 40
LISTS = [(name, "Gifts") for name in NAMES] * 10
SORTED = [*SINGLE, *LISTS]


def catalogue(labels: list[tuple[str, ...]]) -> str:
    rows = [(n, f"A {n}", "|".join(names)) for n, names in enumerate(labels)]
    return table(("id", "title", "category"), rows)


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(byte_stream, "_CHUNK_BYTES", 1000)


def test_lists_behind_the_first_values_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_beginning, "MAX_SAMPLE", 50)
    found = paths_read(read(tmp_path, catalogue(SORTED)))
    assert found == [{(name,) for name in names} for names in SORTED]


def test_lists_behind_the_first_block_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    told = read(tmp_path, catalogue(SORTED)).notes
    (note,) = [one for one in told if "beginning of the file" in one]
    assert "such as 'Caps|Gifts'" in note
    assert note.endswith('category_delimiter = "|"')
    assert told[note] == len(NAMES)


@pytest.mark.parametrize("labels", [SINGLE * 3, LISTS * 3, [*SINGLE, ("A|B",), ("TV/Audio",)] * 2])
def test_usual_catalogues_have_no_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: list[tuple[str, ...]]
) -> None:
    small_blocks(monkeypatch)
    assert not read(tmp_path, catalogue(labels)).notes
