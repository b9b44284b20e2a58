"""Objects whose names hold signs that addresses on the web read in another way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.commands.ingest import ingest
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import ConfigError
from shelfwise.scale.object_storage import ObjectStorage

RECORD = b'{"id": "1", "title": "Mug"}\n'

ODD = [
    "a b",
    " a",
    "a ",
    "a+b",
    "a%b",
    "a%20b",
    "a%2Fb",
    "a#b",
    "a?b=c",
    "a&b;c",
    "a*b[c]",
    "a\\b",
    "a'b\"c",
    "größe",
    "gro\u0308ße",
    "棚🛒",
]

Ingest = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def ingested(tmp_path: Path) -> Ingest:
    """Ingests one place."""

    def run(place: str, out: str) -> dict[str, Any]:
        context = Context(cache=tmp_path / "cache")
        return ingest((place,), out, CatalogSettings(), context=context, shard_rows=500)

    return run


def keys(bucket: Any, prefix: str) -> set[str]:
    found = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=prefix)
    return {one["Key"].rpartition("/")[0] for one in found.get("Contents", [])}


@pytest.mark.parametrize("name", ODD)
def test_a_key_is_what_it_is_written_as(
    bucket: Any, ingested: Ingest, tmp_path: Path, name: str
) -> None:
    bucket.put(f"in/{name}/{name}.jsonl", RECORD)
    # what the name would be as an address
    bucket.put("in/a b/other.csv", b"id,title\n2,Lamp\n3,Vase\n")
    bucket.put("in/a/b/other.csv", b"id,title\n2,Lamp\n3,Vase\n")
    place = f"s3://{bucket.name}/in/{name}/{name}.jsonl"
    assert ingested(place, str(tmp_path / "out"))["records"] == 1
    ingested(place, f"s3://{bucket.name}/out/{name}/x")
    assert keys(bucket, "out/") == {f"out/{name}/x"}


def test_names_that_differ_by_a_sign_are_different_sources(
    bucket: Any, ingested: Ingest, tmp_path: Path
) -> None:
    for number, name in enumerate(("a b", "a+b", "a%20b", "A B")):
        bucket.put(f"in/{name}.jsonl", RECORD.replace(b"1", str(number).encode()))
    bucket.put("in/", b"")
    bucket.put("in/below/other.jsonl", RECORD)
    found = ingested(f"s3://{bucket.name}/in/", str(tmp_path / "out"))
    assert (found["sources"], found["products"]) == (4, 4)


@pytest.mark.parametrize(
    "place",
    [
        "s3://",
        "s3:///in",
        "s3://shop//in",
        "s3://shop/in//today",
        "s3://shop/in/../out",
        "s3://shop/in/./out",
        "s3://shop/in\tout",
        "s3://sh op/in",
        "s3://shop?version=1",
        "s3://key:secret@shop/in",
        "s3://shop:99/in",
    ],
)
@pytest.mark.usefixtures("s3_server")
def test_a_place_that_can_be_read_in_two_ways_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be opened .*expected s3://BUCKET/PREFIX"):
        ObjectStorage(place)


def test_an_object_that_cannot_be_named_is_told(bucket: Any, ingested: Ingest) -> None:
    bucket.put("in//shop.jsonl", RECORD)
    with pytest.raises(OSError, match=r"cannot list .*in//.* contained empty path segment"):
        ingested(f"s3://{bucket.name}/in", f"s3://{bucket.name}/out")
