"""Files become shards: the products that reading gives, with an account of every record, after any kill."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shelfwise.catalog.reading import byte_stream as bytes_read
from shelfwise.catalog.reading.reader import NullReporter, read_catalog, write_quarantine
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.catalog.shards import ingest_state
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.catalog.shards.ledger import Ledger
from shelfwise.catalog.shards.manifest import ShardedCatalog
from shelfwise.catalog.shards.shard_writer import ShardWriter
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, StorageError
from tests.catalog.flawed_records import flawed_records


def records(count: int, first: int = 0) -> bytes:
    """A duplicate, a broken line, entities, late columns and pictures."""
    return flawed_records(count, first, pictures=True)


def ingest(places: list[Path], out: Path, **options: Any) -> ShardedCatalog:
    settings = options.pop("settings", CatalogSettings())
    options = {"shard_rows": 700, "workers": 1, **options}
    return ingest_catalog(
        [str(place) for place in places], out, settings, NullReporter(), **options
    )


def digests(folder: Path) -> dict[str, str]:
    """Every file with its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that a few thousand records make many."""
    monkeypatch.setattr(bytes_read, "_CHUNK_BYTES", 1 << 14)
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", 1 << 15)


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_shards_hold_what_reading_the_file_gives(
    tmp_path: Path, name: str, workers: int
) -> None:
    data = records(4000)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    reading = read_catalog(tmp_path / name)
    write_quarantine(reading.quarantine, tmp_path / "expected.jsonl")
    made = ingest([tmp_path / name], tmp_path / "out", workers=workers)
    assert len(made.shards) > 3
    assert all(700 <= shard.rows < 1000 for shard in made.shards[:1])
    again = read_catalog(tmp_path / "out")
    assert again.catalog.table.equals(reading.catalog.table)
    assert again.catalog.root == tmp_path
    kept = (tmp_path / "out" / "quarantine.jsonl").read_text("utf-8").splitlines()
    expected = (tmp_path / "expected.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in kept] == [
        {"file": name, **json.loads(line)} for line in expected
    ]


def test_every_record_of_every_file_is_accounted_for(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "more").mkdir(parents=True)
    (shop / "a.jsonl").write_bytes(records(1000))
    (shop / "b.jsonl").write_bytes(records(1000, first=900))
    (shop / "more" / "c.csv").write_text("id,title,image\nX,Pen,pen.png\nP1,Mug,\n", "utf-8")
    (shop / "torn.parquet").write_bytes(b"PAR1 and nothing more")
    (shop / "picture.png").write_bytes(b"no catalogue")
    made = ingest([shop, shop / "more" / "*.csv"], tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    by_file = {one["file"]: one for one in manifest["sources"]}
    assert [one["file"] for one in manifest["sources"]] == [
        "a.jsonl",
        "b.jsonl",
        "torn.parquet",
        "more/c.csv",
    ]
    assert by_file["a.jsonl"]["records"] == by_file["b.jsonl"]["records"] == 1000
    # 99 of the 100 first ones stand in a.jsonl, and one of these is torn there as well
    assert by_file["b.jsonl"]["refused"] == {"duplicate id": 10 + 98, "not a record": 10}
    assert by_file["more/c.csv"]["refused"] == {"duplicate id": 1}
    for one in [*manifest["sources"], manifest]:
        assert one["records"] == one["products"] + sum(one["refused"].values())
    assert manifest["records"] == 2002
    assert sum(shard.rows for shard in made.shards) == manifest["products"] == made.products
    lines = (tmp_path / "out" / "quarantine.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == sum(manifest["refused"].values())
    assert "torn.parquet cannot be read as Parquet" in made.faults["torn.parquet"]
    last = json.loads(lines[-1])
    assert last["file"] == "more/c.csv"
    assert "the id is that of line 2 of a.jsonl" in last["reason"]
    # images lie where they lay, seen from the folder of all files
    reading = read_catalog(tmp_path / "out")
    assert reading.catalog.column("image")[-1] == "more/pen.png"
    assert reading.catalog.root == shop


def killed_at(step: Callable[[], None]) -> None:
    """Run the step in a process that kills itself."""
    child = os.fork()
    if not child:
        try:
            step()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def dying(call: Callable[..., Any], at: int, before: bool) -> Callable[..., Any]:
    """The call, which kills its process the `at`-th time, before it works or after."""
    calls = iter(range(1, 1000))

    def wrapped(*arguments: Any, **named: Any) -> Any:
        last = next(calls) == at
        if last and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


KILLS: list[tuple[Any, str, int, bool]] = [
    (Ledger, "append", 1, False),
    (Ledger, "append", 3, True),
    (Ledger, "append", 2, False),
    (ShardWriter, "write", 4, False),
    (ShardWriter, "close", 2, False),
    (ingest_state.IngestState, "finish_source", 1, False),
    (ingest_state.IngestState, "release_quarantine", 1, False),
    (ShardedCatalog, "save", 1, True),
]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_kills_at_any_step_change_no_byte(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "a.jsonl").write_bytes(records(6000))
    rows = "".join(f'Q{i},"first\nsecond ""line"" {i}"\n' for i in range(4000))
    (shop / "b.csv").write_text("id,title\n" + rows, "utf-8")
    ingest([shop], tmp_path / "undisturbed" / "out")
    expected = digests(tmp_path / "undisturbed" / "out")
    out = tmp_path / "killed" / "out"
    for where, name, at, before in KILLS:

        def step(where: Any = where, name: str = name, at: int = at, before: bool = before) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(where, name, dying(getattr(where, name), at, before))
                ingest([shop], out)

        killed_at(step)
        assert not (out / "manifest.json").exists()
    # a line that was half written
    with (out / "unfinished" / "ledger.jsonl").open("ab") as ledger:
        ledger.write(b'{"shards": [{"na')
    ingest([shop], out)
    found = digests(out)
    # the image folder is seen from the folder itself, and both lie equally deep
    assert found == expected
    assert "unfinished/ledger.jsonl" not in found


def test_what_is_finished_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_bytes(records(1000))
    first = ingest([tmp_path / "a.jsonl"], tmp_path / "out")

    def never(*_: object) -> Iterator[None]:
        raise AssertionError("read again")

    monkeypatch.setattr(ShardWriter, "write", never)
    assert ingest([tmp_path / "a.jsonl"], tmp_path / "out") == first


def test_a_folder_of_other_sources_or_settings_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_bytes(records(1000))
    ingest([source], tmp_path / "out")
    with pytest.raises(StorageError, match="begun with other shard_rows"):
        ingest([source], tmp_path / "out", shard_rows=5)
    with pytest.raises(StorageError, match="begun with other settings"):
        ingest([source], tmp_path / "out", settings=CatalogSettings(category_separator="/"))
    source.write_bytes(records(1001))
    with pytest.raises(StorageError, match=r"other sources: a\.jsonl changed"):
        ingest([source], tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="holds no catalogue"):
        ingest([source], tmp_path / "mine")
    with pytest.raises(StorageError, match="lies in"):
        ingest([source], tmp_path)


def test_a_source_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_bytes(records(1000))
    write = ShardWriter.write

    def also_append(writer: ShardWriter, table: Any) -> None:
        with source.open("ab") as file:
            file.write(b"\n")
        write(writer, table)

    monkeypatch.setattr(ShardWriter, "write", also_append)
    with pytest.raises(CatalogError, match="was changed while it was read"):
        ingest([source], tmp_path / "out")


def test_a_changed_shard_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(records(1000))
    made = ingest([tmp_path / "a.jsonl"], tmp_path / "out")
    shard = tmp_path / "out" / made.shards[0].name
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CatalogError, match=r"products-00000\.parquet was changed, or is not whole"):
        read_catalog(tmp_path / "out")


def test_a_file_that_tells_no_separator_is_read_as_the_others(tmp_path: Path) -> None:
    names = [f"Home/Shelf {i % 7}" for i in range(60)]
    rows = [f"A{i},Mug,{name}" for i, name in enumerate(names)]
    (tmp_path / "a.csv").write_text("\n".join(["id,title,categories", *rows]), "utf-8")
    # by itself, a single value tells nothing
    (tmp_path / "b.csv").write_text("id,title,categories\nB,Mug,Home/Shelf 1\n", "utf-8")
    ingest([tmp_path], tmp_path.with_name("out"))
    last = read_catalog(tmp_path.with_name("out")).catalog.column("categories")[-1]
    assert last == [["Home", "Shelf 1"]]
    rows = [f"C{i},Mug,{name.replace('/', ' > ')}" for i, name in enumerate(names)]
    (tmp_path / "c.csv").write_text("\n".join(["id,title,categories", *rows]), "utf-8")
    with pytest.raises(CatalogError, match=r"nothing in b\.csv tells .* a\.csv has '/'"):
        ingest([tmp_path], tmp_path.with_name("other"))


def test_lines_stand_for_ids_in_a_single_file_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows = "".join(f",Mug {name} {i}\n" for i in range(30))
        (tmp_path / f"{name}.csv").write_text("id,title\n" + rows, "utf-8")
    made = ingest([tmp_path / "a.csv"], tmp_path.with_name("alone"))
    assert made.products == 30
    (tmp_path / "c.jsonl").write_bytes(records(10))
    made = ingest([tmp_path], tmp_path.with_name("several"))
    assert list(made.faults) == ["a.csv", "b.csv"]
    assert "lines of several files repeat" in made.faults["b.csv"]


def test_nothing_usable_is_one_clear_error(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"title": "no id"}\n')
    with pytest.raises(CatalogError, match=r"no record of 2 files could be accepted"):
        ingest([tmp_path], tmp_path.with_name("nothing"))
    (tmp_path / "header.csv").write_text("id,title\n")
    with pytest.raises(
        CatalogError, match=r"no record of 1 file could be accepted \(there is none\)"
    ):
        ingest([tmp_path / "header.csv"], tmp_path.with_name("header"))
    with pytest.raises(CatalogError, match="no file has a name like"):
        ingest([tmp_path / "*.tsv"], tmp_path.with_name("nothing"))
    with pytest.raises(CatalogError, match="there is no catalogue"):
        ingest([tmp_path / "c.jsonl"], tmp_path.with_name("nothing"))


class Bars:
    """Counts what each bar of a progress is told."""

    def __init__(self) -> None:
        self.total: dict[str, int] = {}
        self.done: Counter[str] = Counter()

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[SimpleNamespace]:
        self.total[title] = total

        def advance(steps: int = 1) -> None:
            self.done[title] += steps

        yield SimpleNamespace(advance=advance)


def test_a_table_of_pairs_shows_progress_while_its_rows_are_joined(tmp_path: Path) -> None:
    rows = "".join(f"A{i},Mug {i},{name}\n" for i in range(50) for name in ("Mugs", "Gifts"))
    (tmp_path / "a.csv").write_text(f"id,title,categories\n{rows}")
    bars = Bars()
    places = [str(tmp_path / "a.csv")]
    made = ingest_catalog(places, tmp_path / "out", CatalogSettings(), bars, workers=1)
    assert made.products == 50
    size = (tmp_path / "a.csv").stat().st_size
    assert bars.done["joining rows of a.csv"] == bars.total["joining rows of a.csv"] == size
    assert bars.done["ingesting"] == size
