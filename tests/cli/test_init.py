"""``shelfwise init``: what is told, what is asked, and settings that read the file as it was read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.init import Question, init_settings
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, StorageError

Command = Callable[..., subprocess.CompletedProcess[str]]

PATHS = ("Home > Mugs", "Home > Mugs|Gifts", "Toys > Dolls", "Gifts|Toys > Dolls")
# half of the places are free: the column cannot tell whether a comma is part of a name
TWO_READINGS = ["Boots, Sandals"] * 4 + ["Hats, Caps"] * 4 + ["Hats"] + ["Mugs"] * 11


def nobody(question: Question) -> int | None:
    """Who cannot be asked."""
    return None


def table(header: str, row: Callable[[int, str], str], paths: tuple[str, ...] = PATHS) -> str:
    """A table of 24 rows."""
    rows = [row(number, paths[number % len(paths)]) for number in range(24)]
    return "\n".join([header, *rows]) + "\n"


def plain(number: int, path: str) -> str:
    return f'{number:03},Café {number},"{path}"'


def shapes() -> Iterator[tuple[str, bytes]]:
    """Files as shops and programs write them."""
    csv = table("id,title,category", plain)
    yield "plain.csv", csv.encode()
    yield "windows.csv", csv.encode("cp1252")
    yield "utf16.csv", csv.encode("utf-16")
    semicolons = table("ASIN;Name;Labels;Price", lambda i, path: f"{i};N {i};{path};1.{i:03},50")
    yield "semicolons.csv", semicolons.encode()
    yield "excel.csv", b"sep=;\r\n" + semicolons.replace("\n", "\r\n").encode()
    tabs = table("sku\ttitle\tproduct_type", lambda i, path: f"{i}\tT {i}\t{path}")
    yield "tabs.tsv", tabs.encode()
    rivals = "Handle,Title,Body (HTML),google_product_category,product_type,Tags"
    shop = table(rivals, lambda i, path: f"h{i},T {i},<p>B</p>,Other,{path},new")
    yield "rivals.csv", shop.encode()
    levels = table("id,title,level1,level2", lambda i, _: f"{i},T {i},Home,{'AB'[i % 2]}")
    yield "levels.csv", levels.encode()
    sub = table("id,title,Category,Sub Category", lambda i, _: f"{i},T {i},Home,{'AB'[i % 2]}")
    yield "sub.csv", sub.encode()
    flags = table(
        "id,title,Mugs,Toys,Gifts", lambda i, _: f"{i},T,{i % 2},{i // 2 % 2},{i % 3 % 2}"
    )
    yield "flags.csv", flags.encode()
    index = table(",title,categories", plain)
    yield "index.csv", index.encode()
    escaped = table("id,title,categories", plain, (r"Boots\, Sandals,Gifts", "Gifts", "A > B"))
    yield "escaped.csv", escaped.encode()
    etsy = table(
        "title,tags,SKU", lambda i, tags: f'Mug {i},"{tags}",{"" if i % 3 else i}', ("a, b",)
    )
    yield "etsy.csv", etsy.encode()
    yield "title.csv", f"Product export\n\n{table('id,title,categories', plain)}".encode()
    lists = table("id,title,categories", plain, ("[['Home', 'Mugs']]", "[['Toys']]"))
    yield "python_lists.csv", lists.encode()
    odd = table('id,"the ""title""",category', plain)
    yield "odd_names.csv", odd.encode()
    records = [{"code": str(i), "name": "N", "categories": [["A", "B"], ["C"]]} for i in range(9)]
    yield "records.jsonl", "\n".join(map(json.dumps, records)).encode()
    yield "array.json", json.dumps(records).encode()
    offers = [{**record, "offers": {"price": str(i)}} for i, record in enumerate(records)]
    yield "offers.jsonl", "\n".join(map(json.dumps, offers)).encode()
    flat = [{"id": i, "title": "T", "labels": ["A > B", "C"]} for i in range(9)]
    yield "flat.json", json.dumps({"products": flat}).encode()


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(*shape, id=shape[0]) for shape in shapes()]
)
def test_the_file_is_read_the_same_with_and_without_the_settings(
    tmp_path: Path, name: str, data: bytes
) -> None:
    source, out = tmp_path / name, tmp_path / "shelfwise.toml"
    source.write_bytes(data)
    found = init_settings(source, out, nobody, lambda: nullcontext(Context()))
    settings = Config.load(file=out).catalog
    alone = read_catalog(source)
    with_settings = read_catalog(source, settings, strict=True)
    assert with_settings.catalog.fingerprint() == alone.catalog.fingerprint()
    assert [one.raw for one in with_settings.quarantine] == [one.raw for one in alone.quarantine]
    assert not found["open_questions"]
    assert any(product["labels"] for product in found["first_products"])


def test_what_was_found_is_told(tmp_path: Path, command: Command) -> None:
    source, out = tmp_path / "shop.csv", tmp_path / "shelfwise.toml"
    source.write_bytes(dict(shapes())["rivals.csv"] + b",no id,,,,\n")
    told = command("init", str(source), "--out", str(out)).stdout
    assert "25 records: 24 accepted, 1 quarantined" in told
    assert "1 x missing id" in told
    assert 'separator ","' in told
    assert "  id = Handle\n" in told
    # the column that was not taken, the one that was, and how to change it
    rival = "google_product_category: could be categories too; product_type is taken"
    assert told.count("google_product_category") == 2
    assert rival in told
    assert 'columns = { categories = "google_product_category" }' in told
    assert "h1  T 1  [Gifts, Home, Mugs]" in told
    assert told.count("  T ") == 5
    done = command("init", str(source), "--out", str(out), "--overwrite", "--json")
    found = json.loads(done.stdout)
    assert found["accepted"] == 24
    assert found["first_products"][1]["labels"] == ["Gifts", "Home", "Mugs"]


def test_the_encoding_is_told(tmp_path: Path, command: Command) -> None:
    source = tmp_path / "windows.csv"
    source.write_bytes(dict(shapes())["windows.csv"])
    told = command("init", str(source), "--out", str(tmp_path / "a.toml")).stdout
    assert "encoding cp1252" in told


def test_a_column_that_is_named_later_is_read_by_its_own_signs(
    tmp_path: Path, command: Command
) -> None:
    """What stands in the file while nobody has named the column must not decide how it is written."""
    source, out = tmp_path / "shop.csv", tmp_path / "shelfwise.toml"
    paths = [["Home", "Kitchen", "Mugs"], ["Home", "Lamps"], ["Clothing", "Shirts"]] * 4
    rows = [f"{number},Mug,{'|'.join(path)}" for number, path in enumerate(paths)]
    source.write_text("\n".join(["id,title,shelf", *rows]), "utf-8")
    done = command("init", source, "--out", out)
    assert done.returncode == 3
    assert "open question: No column is called like categories" in done.stdout
    assert '"shelf"' in done.stdout
    text = out.read_text("utf-8")
    answered = text.replace('# categories = "shelf"', 'categories = "shelf"')
    assert answered != text
    out.write_text(answered, "utf-8")
    catalog = read_catalog(source, Config.load(file=out).catalog, strict=True).catalog
    assert catalog.column("categories") == [[path] for path in paths]


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    source, out = tmp_path / "plain.csv", tmp_path / "mine.toml"
    source.write_bytes(dict(shapes())["plain.csv"])
    out.write_text("seed = 5\n")
    with pytest.raises(StorageError, match="--overwrite"):
        init_settings(source, out, nobody, lambda: nullcontext(Context()))
    assert out.read_text() == "seed = 5\n"
    init_settings(source, out, nobody, lambda: nullcontext(Context()), overwrite=True)
    assert "[catalog.columns]" in out.read_text()


def test_nothing_usable_is_an_error_with_the_commonest_causes(tmp_path: Path) -> None:
    source, out = tmp_path / "none.csv", tmp_path / "shelfwise.toml"
    source.write_text("serial,colour\n1,a\n2,b\n3,c,d\n")
    with pytest.raises(CatalogError, match=r"none of the 3 records.*missing id: 2.*'serial'"):
        init_settings(source, out, nobody, lambda: nullcontext(Context()))
    assert not out.exists()


def two_readings(folder: Path) -> Path:
    """A file whose categories can be read in two ways."""
    rows = [f'{number},T {number},"{text}"' for number, text in enumerate(TWO_READINGS)]
    source = folder / "two.csv"
    source.write_text("\n".join(["id,title,category", *rows]) + "\n")
    return source


def test_without_a_terminal_a_question_stays_open(tmp_path: Path) -> None:
    source, out = two_readings(tmp_path), tmp_path / "shelfwise.toml"
    process = [sys.executable, "-m", "shelfwise", "init", str(source), "--out", str(out)]
    # an answer in a pipe is none
    done = subprocess.run(process, input="2\n", capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "open question: the column 'category' can be read in two ways" in done.stdout
    assert '# category_delimiter = ","' in out.read_text()
    # nothing is decided: reading still refuses
    with pytest.raises(CatalogError, match="two ways"):
        read_catalog(source, Config.load(file=out).catalog)


def test_yes_takes_the_likelier_reading(tmp_path: Path, command: Command) -> None:
    source, out = two_readings(tmp_path), tmp_path / "shelfwise.toml"
    assert command("init", str(source), "--out", str(out), "--yes").returncode == 0
    assert Config.load(file=out).catalog.category_delimiter == ","
    assert len(read_catalog(source, Config.load(file=out).catalog).catalog) == len(TWO_READINGS)


def on_a_terminal(arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Exit code and what the terminal showed."""
    pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "shelfwise", *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    waiting = list(answers)
    prompts = 0
    while True:
        try:
            data = os.read(mine, 65536)
        except OSError:
            # the terminal is closed on the other side
            break
        if not data:
            break
        shown += data
        # an answer a prompt, typed once it is there
        if waiting and shown.count(b"Number [1]:") > prompts:
            prompts += 1
            os.write(mine, f"{waiting.pop(0)}\n".encode())
    os.close(mine)
    return process.wait(timeout=60), shown.decode()


@pytest.mark.parametrize(
    ("answers", "delimiter"), [([""], ","), (["2"], ""), (["7", "2"], "")], ids=str
)
def test_a_person_is_asked(tmp_path: Path, answers: list[str], delimiter: str) -> None:
    source, out = two_readings(tmp_path), tmp_path / "shelfwise.toml"
    code, shown = on_a_terminal(["init", str(source), "--out", str(out)], answers)
    assert code == 0, shown
    assert "can be read in two ways" in shown
    assert ("expected a number from 1 to 2, found 7" in shown) == (answers[0] == "7")
    assert Config.load(file=out).catalog.category_delimiter == delimiter


def test_columns_without_a_usual_name_are_asked_for(tmp_path: Path) -> None:
    source, out = tmp_path / "own.csv", tmp_path / "shelfwise.toml"
    text = table("serial,title,kind", plain)
    source.write_text(text)
    code, shown = on_a_terminal(["init", str(source), "--out", str(out)], ["1", "1"])
    assert code == 0, shown
    columns = Config.load(file=out).catalog.columns
    assert columns == {"id": "serial", "title": "title", "categories": "kind"}
    labels = read_catalog(source, Config.load(file=out).catalog).catalog.column("categories")
    assert labels[1] == [["Home", "Mugs"], ["Gifts"]]


def test_a_catalogue_without_any_category_is_told(command: Command, tmp_path: Path) -> None:
    source, out = tmp_path / "shop.jsonl", tmp_path / "shop.toml"
    lines = [{"id": str(n), "title": f"Blue mug {n}", "categories": []} for n in range(3)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    told = "note: 3 x a product has no category, and none has any; check which column holds them"
    assert told in command("init", source, "--out", out).stdout
    lines[1]["categories"] = [["Mugs"]]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert "no category" not in command("init", source, "--out", out, "--overwrite").stdout
