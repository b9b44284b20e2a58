"""JSON lines: a value that is not used is read as exactly as the one that is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings

GOOD = [{"id": str(number), "title": "Mug", "categories": [["Home"]]} for number in range(5)]


def read_with(line: bytes, folder: Path) -> ReadResult:
    """What is read from five good records with a line in the middle of them."""
    lines = [json.dumps(record).encode() for record in GOOD]
    path = folder / "shop.jsonl"
    path.write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]) + b"\n")
    return read_catalog(path)


BAD = {
    "bad UTF-8": (b'"caf\xe9"', "not UTF-8"),
    "half a character": (b'"\\ud83d"', "half a character"),
    "half a character inside": (b'[{"name": "\\uDE00"}]', "half a character"),
    "digits without end": (b"1" * 5000, "not a record"),
}


@pytest.mark.parametrize(("value", "kind"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("key", [b"categories", b"title", b"colour"])
def test_a_bad_value_is_refused_though_a_later_one_has_its_key(
    key: bytes, value: bytes, kind: str, tmp_path: Path
) -> None:
    line = b'{"id": "x", "%s": %s, "%s": "Lamps"}' % (key, value, key)
    found = read_with(line, tmp_path)
    assert found.catalog.ids == ["0", "1", "2", "3", "4"]
    [refused] = found.quarantine
    assert (refused.kind, refused.line, refused.raw) == (kind, 4, line + b"\n")


def test_an_id_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    found = read_with(b'{"id": 1e400, "title": "Mug"}', tmp_path)
    assert found.catalog.ids == ["0", "1", "2", "3", "4"]
    assert "expected an id with all its digits" in found.quarantine[0].reason


def test_of_two_good_values_the_last_counts(tmp_path: Path) -> None:
    whole = b'"\\ud83d\\ude00"'
    line = b'{"id": "x", "categories": %s, "categories": "Lamps"}' % whole
    found = read_with(line, tmp_path)
    assert not found.quarantine
    assert found.catalog.column("categories")[3] == [["Lamps"]]


def test_text_sequences(tmp_path: Path) -> None:
    lines = [f'\x1e{{"id": "m-{n}", "title": "Mug {n}"}}\n' for n in range(4)]
    (tmp_path / "mugs.json").write_text("".join(lines))
    assert read_catalog(tmp_path / "mugs.json").catalog.ids == [f"m-{n}" for n in range(4)]


@pytest.mark.parametrize("plain", [3, 150])
def test_later_titles_in_several_languages(plain: int, tmp_path: Path) -> None:
    """Read as the first ones are, or refused with what to do where the file's beginning has none."""
    titles = ["Mug"] * plain + [{"en": "Cup", "de": "Becher"}] * 3
    records = [{"id": f"p{i}", "title": title} for i, title in enumerate(titles)]
    path = tmp_path / "shop.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    found = read_catalog(path)
    if plain < 100:
        assert found.catalog.column("title") == ["Mug"] * plain + ["Cup"] * 3
        assert not any("variants" in told for told in found.reading.evidence)
        return
    assert found.catalog.column("title") == ["Mug"] * plain
    assert all('format = "json"' in refused.reason for refused in found.quarantine)
    again = read_catalog(path, CatalogSettings(format="json"))
    assert again.catalog.column("title") == ["Mug"] * plain + ["Cup"] * 3
