"""``label`` from and to an S3 server that is started for real."""

from __future__ import annotations

import base64
import errno
import json
import random
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands.label import summary_lines
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, ConfigError, PluginError, StorageError
from shelfwise.scale.labeller import ShardLabeller
from shelfwise.scale.storage import storage_of

Label = Callable[..., dict[str, Any]]
Contents = Callable[[Path], dict[str, bytes]]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.usefixtures("in_process")
def test_the_objects_are_the_files_of_a_run_in_folders(
    run: Label, undisturbed: Path, shards: Path, bucket: Any, contents: Contents
) -> None:
    source = bucket.upload(shards, "in")
    out = f"s3://{bucket.name}/labels/of/today"
    found = run(out, source=source)
    assert (found["parts"], found["failed"], found["out"]) == (4, {}, out)
    assert bucket.contents("labels/of/today") == contents(undisturbed)
    # what is done is not done again
    again = run(out + "/", source=source)
    assert (again["parts_found"], again["parts_by_others"]) == (4, 0)
    written = bucket.times_written("labels/of/today")
    assert written.pop("manifest.json") == 2
    assert set(written.values()) == {1}


@pytest.mark.usefixtures("in_process")
def test_a_kill_between_a_part_and_its_entry_writes_the_part_once(
    run: Label, undisturbed: Path, shards: Path, bucket: Any, contents: Contents
) -> None:
    expected = contents(undisturbed)
    first, second = sorted(name for name in expected if name.startswith("part-"))[:2]
    bucket.put("out/plan.json", expected["plan.json"])
    bucket.put(f"out/{first}", expected[first])
    # and somebody has lost a part that the ledger knows
    entry = f"ledger/{Path(second).stem}.json"
    bucket.put(f"out/{entry}", expected[entry])
    found = run(f"s3://{bucket.name}/out", source=str(shards))
    assert (found["parts_found"], found["parts_by_others"]) == (0, 0)
    assert bucket.contents("out") == expected
    assert bucket.times_written("out")[first] == 1


@pytest.mark.usefixtures("in_process")
def test_a_part_with_another_content_is_not_taken_for_this_one(
    run: Label, undisturbed: Path, shards: Path, bucket: Any, contents: Contents
) -> None:
    expected = contents(undisturbed)
    part = min(name for name in expected if name.startswith("part-"))
    bucket.put("out/plan.json", expected["plan.json"])
    bucket.put(f"out/{part}", b"something else")
    found = run(f"s3://{bucket.name}/out", source=str(shards))
    [reason] = found["failed"].values()
    assert "was written before with another content: expected the sha256" in reason
    assert found["parts"] == 3
    assert bucket.contents("out")[part] == b"something else"


@pytest.mark.usefixtures("in_process")
def test_of_two_runs_at_once_one_writes_each_part(
    run: Label,
    undisturbed: Path,
    shards: Path,
    bucket: Any,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, out = bucket.upload(shards, "in"), f"s3://{bucket.name}/out"
    # both are past the question whether somebody has done the shard already
    both = threading.Barrier(2)
    labelled = ShardLabeller._labelled

    def together(labeller: ShardLabeller, *arguments: Any) -> dict[str, Any]:
        both.wait(timeout=60)
        return labelled(labeller, *arguments)

    monkeypatch.setattr(ShardLabeller, "_labelled", together)
    monkeypatch.setattr("shelfwise.scale.label_run._from_anywhere", lambda numbers: numbers)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, out, source=source) for _ in range(2)]
        found = [one.result() for one in runs]
    assert [one["parts"] for one in found] == [4, 4]
    assert bucket.contents("out") == contents(undisturbed)
    written = bucket.times_written("out")
    assert written.pop("manifest.json") == 2
    assert set(written.values()) == {1}
    # each entry of the ledger is one run's own, and the other one says so
    others = [one["parts_by_others"] for one in found]
    assert sum(others) == 4
    loser = found[others.index(max(others))]
    sentence = f"parts written by another run at the same time: {max(others)}"
    assert sentence in list(summary_lines(loser))


@contextmanager
def failing_server(server: str, path: str, statuses: list[int]) -> Iterator[str]:
    """The server behind one that answers requests for `path` with these statuses, one after the other."""

    class Handler(BaseHTTPRequestHandler):
        def handle_request(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            if path in self.path and statuses:
                self.answer(statuses.pop(0), b"<Error><Message>not today</Message></Error>")
                return
            given = {name: value for name, value in self.headers.items() if name != "Host"}
            # urllib would call the body a form
            given.setdefault("Content-Type", "application/octet-stream")
            asked = urllib.request.Request(server + self.path, body, given, method=self.command)
            try:
                with urllib.request.urlopen(asked) as answer:
                    self.answer(answer.status, answer.read(), dict(answer.headers))
            except urllib.error.HTTPError as error:
                self.answer(error.code, error.read())

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_request

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = (headers or {}).get("Content-Length", str(len(body)))
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        proxy.server_close()


@pytest.mark.usefixtures("in_process")
def test_a_store_that_is_busy_and_then_has_no_such_object_is_told_in_a_sentence(
    command: Command,
    undisturbed: Path,
    title_model: Path,
    shards: Path,
    bucket: Any,
    s3_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = bucket.upload(shards, "in")
    statuses = [503, 503, 404]
    with failing_server(s3_server, "products-00002", statuses) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        out = f"s3://{bucket.name}/out"
        done = command("label", title_model, source, "--out", out, "--top", 3, "--json")
    assert not statuses
    assert done.returncode == 4
    found = json.loads(done.stdout)
    reason = "the shard products-00002.parquet cannot be read (the store answers 404 Not Found: not today)"
    assert found["failed"] == {"products-00002.parquet": reason}
    assert found["parts"] == 3
    assert "the-secret-of-the-tests" not in done.stdout + done.stderr


@pytest.mark.usefixtures("in_process")
def test_a_store_that_takes_no_part_ends_the_run_with_the_reason(
    run: Label, shards: Path, bucket: Any, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_server(s3_server, "/out/part-", [403]) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(
            StorageError, match=r"could not write s3://.* answers 403 Forbidden: not"
        ):
            run(f"s3://{bucket.name}/out", source=str(shards))


def test_two_writers_that_meet_without_a_winner_try_again(
    bucket: Any, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with failing_server(s3_server, "/part", [409]) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        storage = storage_of(f"s3://{bucket.name}/out")
        assert storage.publish(tmp_path / "file", "part")
        assert not storage.publish(tmp_path / "file", "part")
    assert bucket.contents("out") == {"part": b"content"}


def test_an_object_store_has_what_a_folder_has(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    for place in (f"s3://{bucket.name}/deep/place", str(tmp_path / "place")):
        storage = storage_of(place)
        assert str(storage) == place
        assert (storage.names(), storage.sizes("inner")) == (set(), {})
        with storage.temporary("inner/one") as path:
            path.write_bytes(b"12345")
            assert storage.publish(path, "inner/one")
        assert (storage.names(), storage.sizes("inner")) == ({"inner"}, {"one": 5})
        assert storage.read("inner/one") == b"12345"
        assert storage.exists("inner/one")
        assert not storage.exists("inner/two")
        with pytest.raises(FileNotFoundError) as caught:
            storage.read("inner/two")
        assert caught.value.errno == errno.ENOENT
        storage.remove("inner/one")
        storage.remove("inner/one")
        assert storage.sizes("inner") == {}


def test_what_cannot_be_read_or_written_is_refused_in_a_sentence(
    run: Label,
    shards: Path,
    shop: Path,
    bucket: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    why = r"holds no ingested catalogue \(no manifest.json: the st.*\); give the folder that"
    with pytest.raises(CatalogError, match=why):
        run(tmp_path / "out", source=f"s3://{bucket.name}/nowhere")
    with pytest.raises(CatalogError, match="no folder to make one in; first run `shelfwise ingest"):
        run(f"s3://{bucket.name}/out", source=str(shop))
    with pytest.raises(ConfigError, match="neither a folder nor an address that begins with s3://"):
        run("gs://bucket/out", source=str(shards))
    with pytest.raises(
        OSError, match=r"cannot list s3://no-such/out/: .* 404 Not Found: The speci"
    ):
        run("s3://no-such/out", source=str(shards))
    bucket.put("mine/letter.txt", b"dear")
    with pytest.raises(StorageError, match="holds no labels of this verb"):
        run(f"s3://{bucket.name}/mine", source=str(shards))
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(PluginError, match=r"not installed: pip install 'shelfwise\[s3\]'"):
        run(f"s3://{bucket.name}/out", source=str(shards))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("embedded", [False, True])
def test_a_model_of_images_is_used_where_they_lie_in_the_shards(
    run: Label, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: bool
) -> None:
    data_url = "data:image/png;base64," + base64.b64encode(b"of an image").decode()
    product = {"id": "1", "title": "Mug", "image": data_url if embedded else "mug.png"}
    (tmp_path / "shop.jsonl").write_text(json.dumps(product))
    shards = tmp_path / "shards"
    ingest_catalog([str(tmp_path / "shop.jsonl")], shards, CatalogSettings(), NullReporter())
    loaded = ShardLabeller._loaded

    def of_images(labeller: ShardLabeller, folder: Path) -> Any:
        model = loaded(labeller, folder)
        monkeypatch.setattr(type(model), "fields", ("title", "image"))
        return model

    monkeypatch.setattr(ShardLabeller, "_loaded", of_images)
    source = bucket.upload(shards, "in")
    if embedded:
        assert run(tmp_path / "out", source=source)["rows"] == 1
        return
    with pytest.raises(
        ConfigError, match=r"the model reads images, and s3://.* has images in files"
    ):
        run(tmp_path / "out", source=source)


@pytest.mark.slow
def test_kills_of_two_runs_at_once_write_nothing_twice(
    undisturbed: Path, title_model: Path, shards: Path, bucket: Any, contents: Contents
) -> None:
    source, out = bucket.upload(shards, "in"), f"s3://{bucket.name}/out"
    arguments = ["label", str(title_model), source, "--out", out, "--top", "3", "--workers", "1"]
    chance = random.Random(3)

    def started() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "shelfwise", *arguments, "--json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    killed = 0
    for _ in range(3):
        pair = [started(), started()]
        # some time into the labelling
        with_parts = len(bucket.times_written("out"))
        while len(bucket.times_written("out")) <= with_parts and pair[0].poll() is None:
            threading.Event().wait(0.05)
        threading.Event().wait(chance.random() / 4)
        for process in pair:
            killed += process.poll() is None
            process.kill()
            process.communicate()
    assert killed
    pair = [started(), started()]
    found = [json.loads(process.communicate(timeout=120)[0]) for process in pair]
    assert [one["parts"] for one in found] == [4, 4]
    assert bucket.contents("out") == contents(undisturbed)
    written = bucket.times_written("out")
    written.pop("manifest.json")
    assert set(written.values()) == {1}
