"""A catalogue of shards, a model, and what an undisturbed run makes of them."""

from __future__ import annotations

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.sample import write_sample
from shelfwise.catalog.shards import shard_writer
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands import label as verb
from shelfwise.commands.label import label
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.scale.engine import Event
from shelfwise.scale.job import Job
from shelfwise.scale.labeller import ShardLabeller
from shelfwise.scale.plan import LabelSettings
from shelfwise.scale.shard_queue import ShardQueue

Label = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of products without images, 600 in each of four."""
    folder = tmp_path_factory.mktemp("shop")
    for number in range(4):
        made = write_sample(
            tmp_path_factory.mktemp("part"), products=600, seed=number, images=False
        )
        lines = []
        for line in made.read_bytes().splitlines():
            # the generator numbers its products from 1 for every seed
            lines.append(line.replace(b'"id": "S', f'"id": "{number}S'.encode()))
        (folder / f"shop-{number}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


@pytest.fixture(scope="session")
def shards(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as four shards: a file is a batch, and a batch fills a shard."""
    folder = tmp_path_factory.mktemp("ingested") / "shards"
    ingest_catalog([str(shop)], folder, CatalogSettings(), NullReporter(), shard_rows=500)
    assert len(list(folder.glob(shard_writer.SHARDS))) == 4
    return folder


@pytest.fixture(scope="session")
def run(title_model: Path, shards: Path) -> Label:
    """Labels the shards."""

    def labelled(out: Path, **changes: Any) -> dict[str, Any]:
        settings = LabelSettings(**changes.pop("settings", {"top": 3}))
        arguments = {"model": title_model, "source": str(shards), "workers": 1, **changes}
        return label(out=out, context=Context(), settings=settings, **arguments)

    return labelled


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are labelled by what every worker has, but in this process: to start one takes seconds."""

    class Here:
        def __init__(self, job: Job) -> None:
            self.plan = job.plan
            self.labeller = ShardLabeller(job, Context())

        def label(self, numbers: Sequence[int]) -> Iterator[Event]:
            queue = ShardQueue(self.plan, numbers)
            while task := queue.next():
                yield from queue.told(task, self.labeller.do(task, lambda rows: None))

    @contextmanager
    def engine(name: str, job: Job, count: int) -> Iterator[Here]:
        yield Here(job)

    monkeypatch.setattr(verb, "_engine", engine)


@pytest.fixture(scope="session")
def undisturbed(run: Label, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("labels") / "undisturbed"
    found = run(out)
    assert found["parts"] == found["shards"] == 4
    assert not found["failed"]
    return out


@pytest.fixture
def labels(undisturbed: Path, tmp_path: Path) -> Path:
    """Finished labels that may be damaged."""
    shutil.copytree(undisturbed, tmp_path / "labels")
    return tmp_path / "labels"


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its bytes."""

    def read(folder: Path) -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture
def rows() -> Callable[[Path], list[dict[str, Any]]]:
    """The rows of all parts in the order of the manifest."""

    def read(out: Path) -> list[dict[str, Any]]:
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
        lines: list[str] = []
        for part in manifest["parts"]:
            lines += (out / part["part"]).read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return read


SECRET = "the-secret-of-the-tests"


class Bucket:
    """A bucket that keeps every version of its objects."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name
        client.create_bucket(Bucket=name)
        versions = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration=versions)

    def put(self, name: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.name, Key=name, Body=content)

    def upload(self, folder: Path, prefix: str) -> str:
        """Copy the files of a folder; where they are now."""
        for path in folder.iterdir():
            self.put(f"{prefix}/{path.name}", path.read_bytes())
        return f"s3://{self.name}/{prefix}"

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Every object below a prefix with its bytes."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=f"{prefix}/")
        keys = [one["Key"] for one in found.get("Contents", [])]
        objects = {key: self.client.get_object(Bucket=self.name, Key=key) for key in keys}
        return {key[len(prefix) + 1 :]: one["Body"].read() for key, one in objects.items()}

    def times_written(self, prefix: str) -> dict[str, int]:
        """How often each object below a prefix was written."""
        found = self.client.list_object_versions(Bucket=self.name, Prefix=f"{prefix}/")
        names = [one["Key"][len(prefix) + 1 :] for one in found.get("Versions", [])]
        return dict(Counter(names))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 server on this machine; its address and keys stand in the environment."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    given = {
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        yield address
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> Bucket:
    """An empty bucket."""
    import boto3

    return Bucket(boto3.client("s3", endpoint_url=s3_server), f"shop-{uuid.uuid4().hex}")
