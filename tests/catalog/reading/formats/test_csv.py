"""The first line that Excel writes for itself: ``sep=;``."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["shop.csv", "shop.txt"])
@pytest.mark.parametrize("sign", ["|", ";", ",", "\t"])
def test_the_sign_of_excel_is_obeyed_and_no_record(
    tmp_path: Path, mark: bytes, name: str, sign: str
) -> None:
    path = tmp_path / name
    rows = f"sep={sign}\r\nid{sign}title\r\n007{sign}Mug x\r\n"
    path.write_bytes(mark + rows.encode())
    reading = read_catalog(path)
    assert reading.catalog.ids == ["007"]
    assert reading.catalog.column("title") == ["Mug x"]
    assert reading.records == 1


def test_quarantine_keeps_the_places_behind_the_sign(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(b"sep=;\r\nid;title\r\n1;Mug\r\n2;Cup;x\r\n")
    (refused,) = read_catalog(path).quarantine
    assert (refused.line, refused.raw) == (4, b"2;Cup;x\r\n")
    assert path.read_bytes()[refused.offset :] == refused.raw
