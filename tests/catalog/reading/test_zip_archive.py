"""A zip archive with one catalogue in it is read as that catalogue."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.errors import CatalogError

CSV = b"id,title\n007,Mug\n008,Pen\n"


def archive(folder: Path, files: dict[str, bytes], name: str = "shop.zip") -> Path:
    path = folder / name
    with ZipFile(path, "w", ZIP_DEFLATED) as target:
        for member, data in files.items():
            target.writestr(member, data)
    return path


@pytest.mark.parametrize(
    ("member", "data", "form"),
    [
        ("shop.csv", CSV, "csv"),
        ("data/shop.tsv", CSV.replace(b",", b"\t"), "tsv"),
        ("shop.json", b'[{"id": "007", "title": "Mug"}, {"id": "008", "title": "Pen"}]', "json"),
        ("shop.txt", CSV.decode().encode("utf-16"), "csv"),
        ("shop", CSV, "csv"),
    ],
)
@pytest.mark.parametrize("name", ["shop.zip", "download"])
def test_the_only_catalogue_is_read(
    tmp_path: Path, member: str, data: bytes, form: str, name: str
) -> None:
    files = {"__MACOSX/._shop.csv": b"x", ".hidden.csv": b"x", "images/": b"", member: data}
    reading = read_catalog(archive(tmp_path, files, name))
    assert (reading.format, reading.catalog.ids) == (form, ["007", "008"])
    assert reading.reading.evidence == (f"of the archive only {member} is read, and no images",)


def test_images_and_notes_beside_it_do_no_harm(tmp_path: Path) -> None:
    notes = {"README.md": b"x", "read me.txt": b"Prices are with taxes."}
    path = archive(tmp_path, {"shop.csv": CSV, "mug.jpg": b"x", **notes})
    assert read_catalog(path).catalog.ids == ["007", "008"]


def test_several_are_listed(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.csv": CSV, "b/c.json": b"{}", "mug.jpg": b"x"})
    with pytest.raises(
        CatalogError, match=r"holds 2 files that may be the catalogue: a\.csv, b/c\.json; unpack"
    ):
        read_catalog(path)
    many = archive(tmp_path, {f"{i:02}.csv": CSV for i in range(12)})
    with pytest.raises(CatalogError, match=r"09\.csv and 2 more"):
        read_catalog(many)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.jpg": b"x", "b.jpg": b"x"}, "holds no catalogue file"),
        (
            {"shop.parquet": b"PAR1"},
            "shop.parquet in the archive .* cannot be read there; unpack it",
        ),
    ],
)
def test_what_cannot_be_read_there(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        read_catalog(archive(tmp_path, files))


def test_damage(tmp_path: Path) -> None:
    path = archive(tmp_path, {"shop.csv": CSV})
    data = path.read_bytes()
    path.write_bytes(data[:60])
    with pytest.raises(CatalogError, match=r"the archive .* is damaged"):
        read_catalog(path)
    # the bytes of the file itself
    rows = b"".join(b"%d,Mug number %d\n" % (i, i * i) for i in range(200_000))
    path = archive(tmp_path, {"shop.csv": b"id,title\n" + rows})
    broken = bytearray(path.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 100] = b"\xff" * 100
    path.write_bytes(broken)
    reading = read_catalog(path)
    assert 0 < len(reading.catalog) < 200_000
    assert reading.quarantine[-1].kind == "damaged zip"


def test_a_workbook_is_no_archive(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id"])
    book.active.append(["007"])
    data = io.BytesIO()
    book.save(data)
    (tmp_path / "shop.zip").write_bytes(data.getvalue())
    assert read_catalog(tmp_path / "shop.zip").format == "excel"
