"""``ingest`` from and to an S3 server that is started for real."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands.ingest import ingest
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, ConfigError, StorageError
from shelfwise.scale.object_storage import ObjectStorage

ROWS = 500


@pytest.fixture
def ingested(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Ingests with small shards and a cache folder of the test."""

    def run(*places: str, out: str, **changes: Any) -> dict[str, Any]:
        arguments = {"context": Context(cache=tmp_path / "cache"), "shard_rows": ROWS, **changes}
        return ingest(places, out, CatalogSettings(), **arguments)

    return run


def without_place(objects: dict[str, bytes]) -> dict[str, bytes]:
    """The objects of a catalogue, its manifest without the place of pictures, which are not copied."""
    manifest = json.loads(objects["manifest.json"])
    manifest.pop("image_root")
    return {**objects, "manifest.json": json.dumps(manifest).encode()}


Contents = Callable[[Path], dict[str, bytes]]
Command = Callable[..., subprocess.CompletedProcess[str]]


def test_objects_become_the_shards_of_their_files(
    shop: Path, shards: Path, bucket: Any, contents: Contents, ingested: Any, tmp_path: Path
) -> None:
    source, out = bucket.upload(shop, "in/of/today"), f"s3://{bucket.name}/out"
    # not a catalogue by its name
    bucket.put("in/of/today/notes.md", b"buy milk")
    found = ingested(source, out=out)
    assert without_place(bucket.contents("out")) == without_place(contents(shards))
    lines = sum(len(path.read_bytes().splitlines()) for path in shop.iterdir())
    assert found["records"] == lines == found["products"] + sum(found["refused"].values())
    assert found["quarantine"] == f"{out}/quarantine.jsonl"
    assert found["images"] is None
    # nothing is left on this machine
    assert not list((tmp_path / "cache" / "ingest").iterdir())
    # what is finished is only told
    assert ingested(source, out=out) == found
    assert set(bucket.times_written("out").values()) == {1}


def test_one_side_may_be_a_folder(
    shop: Path, shards: Path, bucket: Any, contents: Contents, ingested: Any, tmp_path: Path
) -> None:
    ingested(str(shop), out=f"s3://{bucket.name}/out")
    expected = without_place(contents(shards))
    assert without_place(bucket.contents("out")) == expected
    source = bucket.upload(shop, "in")
    folder = tmp_path / "folder"
    ingested(source, out=str(folder))
    assert without_place(contents(folder)) == expected


def test_one_object_is_a_source(shop: Path, bucket: Any, ingested: Any, tmp_path: Path) -> None:
    bucket.upload(shop, "in")
    place = f"s3://{bucket.name}/in/shop-1.jsonl"
    found = ingested(place, out=str(tmp_path / "one"))
    file = shop / "shop-1.jsonl"
    assert (found["sources"], found["records"]) == (1, len(file.read_bytes().splitlines()))


def test_a_run_that_was_stopped_copies_and_puts_only_what_is_left(
    shop: Path,
    shards: Path,
    bucket: Any,
    contents: Contents,
    ingested: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, out = bucket.upload(shop, "in"), f"s3://{bucket.name}/out"
    copied: list[str] = []
    copy, publish = ObjectStorage.copy, ObjectStorage.publish

    def counted(self: ObjectStorage, found: Any, path: Path) -> None:
        copied.append(found.name)
        if len(copied) == 3:
            raise OSError("the line is dead")
        copy(self, found, path)

    def refused(self: ObjectStorage, temporary: Path, name: str, once: bool = True) -> bool:
        if name.startswith("products-00002"):
            raise OSError("the line is dead")
        return publish(self, temporary, name, once)

    monkeypatch.setattr(ObjectStorage, "copy", counted)
    monkeypatch.setattr(ObjectStorage, "publish", refused)
    for _ in range(2):
        with pytest.raises(OSError, match="the line is dead"):
            ingested(source, out=out)
    monkeypatch.setattr(ObjectStorage, "publish", publish)
    ingested(source, out=out)
    # the third file once more, as its copy had failed
    names = [f"shop-{number}.jsonl" for number in (0, 1, 2, 2, 3)]
    assert copied == names
    assert without_place(bucket.contents("out")) == without_place(contents(shards))
    assert set(bucket.times_written("out").values()) == {1}


def test_another_content_is_not_taken_for_this_catalogue(
    shop: Path, bucket: Any, ingested: Any
) -> None:
    source, out = bucket.upload(shop, "in"), f"s3://{bucket.name}/out"
    bucket.put("out/products-00001.parquet", b"PAR1")
    with pytest.raises(StorageError, match=r"out/products-00001.parquet was written before"):
        ingested(source, out=out)
    assert "manifest.json" not in bucket.contents("out")
    bucket.put("mine/notes.txt", b"mine")
    with pytest.raises(StorageError, match=r"holds notes.txt, which is no part of a catalogue"):
        ingested(source, out=f"s3://{bucket.name}/mine")


def test_a_source_that_changed_is_refused_by_its_name(
    shop: Path, bucket: Any, ingested: Any
) -> None:
    source, out = bucket.upload(shop, "in"), f"s3://{bucket.name}/out"
    ingested(source, out=out)
    content = (shop / "shop-1.jsonl").read_bytes()
    bucket.put("in/shop-1.jsonl", content[: content.index(b"\n") + 1])
    with pytest.raises(
        StorageError, match=r"out was begun with other sources: shop-1.jsonl changed"
    ):
        ingested(source, out=out)
    storage = ObjectStorage(source)
    found = next(one for one in storage.objects() if one.name == "shop-2.jsonl")
    bucket.put("in/shop-2.jsonl", content)
    with pytest.raises(OSError, match=r"cannot read s3://.*/in/shop-2.jsonl"):
        storage.copy(found, Path("/dev/null"))


def test_what_cannot_be_a_source_is_refused_in_a_sentence(
    shop: Path, bucket: Any, ingested: Any, tmp_path: Path
) -> None:
    place = bucket.upload(shop, "in")
    out = str(tmp_path / "out")
    with pytest.raises(ConfigError, match=r"is no object and others are"):
        ingested(place, str(shop), out=out)
    with pytest.raises(CatalogError, match=r"nothing/here holds no object whose name ends"):
        ingested(f"s3://{bucket.name}/nothing/here", out=out)
    ingested(place, out=f"s3://{bucket.name}/out")
    with pytest.raises(CatalogError, match=r"out is an ingested catalogue already"):
        ingested(f"s3://{bucket.name}/out", out=out)


def test_the_verb_takes_places_in_object_stores(command: Command, shop: Path, bucket: Any) -> None:
    source, out = bucket.upload(shop, "in"), f"s3://{bucket.name}/out"
    done = command("ingest", source, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["out"], found["shards"]) == (out, 1)
    assert "products-00000.parquet" in bucket.contents("out")


@pytest.mark.slow
def test_kills_at_any_instant_write_every_object_once(
    shop: Path, bucket: Any, contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELFWISE_CACHE", str(tmp_path / "cache"))
    source, out = bucket.upload(shop, "in"), f"s3://{bucket.name}/out"
    arguments = ["ingest", source, "--out", out, "--shard-rows", str(ROWS)]
    chance = random.Random(5)

    def started() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "shelfwise", *arguments])

    killed = 0
    for _ in range(6):
        process = started()
        # its work begins about a second after its start
        threading.Event().wait(1 + chance.random())
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert killed
    assert started().wait(timeout=120) == 0
    expected = tmp_path / "expected"
    ingest_catalog([str(shop)], expected, CatalogSettings(), NullReporter(), shard_rows=ROWS)
    assert without_place(bucket.contents("out")) == without_place(contents(expected))
    assert set(bucket.times_written("out").values()) == {1}
    assert not list((tmp_path / "cache" / "ingest").iterdir())
