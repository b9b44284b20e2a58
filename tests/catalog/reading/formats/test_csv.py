"""The first line that Excel writes for itself: ``sep=;``."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings


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


NO_QUOTES = CatalogSettings(quoting="none")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_without_quoting_quotes_are_letters(tmp_path: Path, end: str) -> None:
    rows = [
        "id,title,brand",
        '1,Frame 24",Kestrel',
        '2,"Quoted" mug,Kestrel',
        '3,"Open,Kestrel',
        "",
        '4,a "b" c,Kestrel"',
    ]
    path = tmp_path / "shop.csv"
    path.write_bytes("".join(row + end for row in rows).encode())
    found = read_catalog(path, NO_QUOTES)
    assert found.catalog.column("title") == ['Frame 24"', '"Quoted" mug', '"Open', 'a "b" c']
    assert found.catalog.column("brand")[3] == 'Kestrel"'
    assert not found.quarantine
    # with quoting these rows are against the rules, and none is read wrongly
    standard = read_catalog(path)
    assert len(standard.catalog) + len(standard.quarantine) == 4
    assert [record.line for record in standard.quarantine] == [3, 4]


def test_without_quoting_a_separator_within_quotes_divides(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text('id,title\n1,"a,b"\n2,mug\n', "utf-8")
    found = read_catalog(path, NO_QUOTES)
    assert found.catalog.ids == ["2"]
    [refused] = found.quarantine
    assert "the row has 3 columns; expected 2" in refused.reason


def test_without_quoting_every_line_is_a_record_or_refused(tmp_path: Path) -> None:
    lines = [b"id\ttitle\n", b'1\t"\n', b"2\t\xff\n", b'3\t"x\n', b"4\n", b'5\t"y"\n'] * 1
    lines += [f'{number}\t"{number}\n'.encode() for number in range(6, 4000)]
    path = tmp_path / "shop.tsv"
    path.write_bytes(b"".join(lines))
    found = read_catalog(path, NO_QUOTES.model_copy(update={"encoding": "utf-8"}))
    assert len(found.catalog) + len(found.quarantine) == len(lines) - 1
    assert [record.line for record in found.quarantine] == [3, 5]
    assert found.catalog.column("title")[-1] == '"3999'


def test_a_quote_at_the_begin_of_one_row_and_the_end_of_another_join_no_rows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shop.tsv"
    rows = '1\t"Plum tea\tTeas\n2\tNail 5"\tNails\n3\t"Ink"\tPens\n4\t"A mug,\nblue"\tMugs\n'
    path.write_text(f"id\ttitle\tcategory\n{rows}")
    titles = read_catalog(path).catalog.column("title")
    assert titles == ['"Plum tea', 'Nail 5"', "Ink", "A mug, blue"]
