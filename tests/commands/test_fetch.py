"""Fetching images from a real server: what comes, what is refused, and what is asked of hosts."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.images.image_urls import file_name, record_path
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.stream_samples import EvenSample
from shelfwise.commands.fetch import fetch_images
from shelfwise.commands.inspect import try_images
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, ConfigError, StorageError
from shelfwise.fetching.allowlist import Allowlist, Resolver
from shelfwise.fetching.download import Limits

FAST = Limits(max_bytes=300_000, seconds=1.0, delay=0.0, tries=2)

Fetch = Callable[..., dict[str, Any]]


def write_catalog(folder: Path, urls: list[str]) -> Path:
    path = folder / "products.csv"
    rows = [f'{number},product,"{url}"\n' for number, url in enumerate(urls)]
    path.write_text("id,title,image_url\n" + "".join(rows), "utf-8")
    return path


@pytest.fixture
def fetch(tmp_path: Path, server: Any) -> Fetch:
    """Fetch the images of these paths of the server, or of whole URLs."""

    def run(
        paths: list[str],
        limits: Limits = FAST,
        allowlist: Allowlist | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        urls = [path if path.startswith("http") else server.url(path) for path in paths]
        catalog = write_catalog(tmp_path, urls)
        allowlist = allowlist or Allowlist.of([], [server.where])
        folder = tmp_path / "images"
        return fetch_images(
            catalog, folder, allowlist, CatalogSettings(), Context(), limits, **more
        )

    return run


@pytest.fixture
def canary(server: Any) -> Iterator[Any]:
    """A server that must not be asked for anything."""
    with type(server)() as running:
        yield running
        running.shutdown()
        assert not running.hits


def test_the_catalogue_has_its_images(fetch: Fetch, server: Any, tmp_path: Path) -> None:
    found = fetch(["image/1", "image/2", "image/1", "gone/3"])
    assert found["urls"] == 3
    assert found["fetched"] == 2
    assert found["failed"] == {"the host answered 404": 1}
    assert found["finished"]
    assert json.loads(record_path(tmp_path / "products.csv").read_text("utf-8")) == found
    catalog = read_catalog(tmp_path / "products.csv").catalog
    images = catalog.column("image")
    assert images[0] == images[2] == f"images/{file_name(server.url('image/1'))}"
    assert images[3] is None
    sources = EvenSample(100)
    sources.extend(image for image in catalog.image_sources() if image is not None)
    tried = try_images(sources, Context())
    assert (tried["named"], tried["opened"]) == (3, 3)


def test_a_second_run_asks_for_nothing_that_is_known(fetch: Fetch, server: Any) -> None:
    paths = ["image/1", "gone/2", "page/3", "broken/4"]
    fetch(paths)
    before = dict(server.hits)
    found = fetch([*paths, "image/5"])
    asked = {path: count - before.get(path, 0) for path, count in server.hits.items()}
    # what may pass is asked for again, and only that
    assert asked == {"image/1": 0, "gone/2": 0, "page/3": 0, "broken/4": 2, "image/5": 1}
    assert found["there_already"] == 1
    assert set(found["failed"]) > {"the host answered 404"}
    assert not found["finished"]
    fetch(paths, retry_failed=True)
    assert server.hits["gone/2"] == 2


def test_what_is_no_image_or_too_large_or_too_slow_is_not_kept(
    fetch: Fetch, tmp_path: Path
) -> None:
    begin = time.monotonic()
    found = fetch(["page/1", "told/2", "huge/3", "slow/4", "drip/5"], Limits(300_000, 1.0, tries=1))
    assert found["fetched"] == 0
    assert found["failed"]["the image has more than 300,000 bytes"] == 2
    assert any("not" in reason for reason in found["failed"])
    assert found["later"] == {"the host took more than 1 seconds": 2}
    # the slow ones would take minutes
    assert time.monotonic() - begin < 60
    assert not [path for path in tmp_path.glob("images/*/*") if path.is_file()]


def test_redirects_are_checked(fetch: Fetch, server: Any, canary: Any) -> None:
    found = fetch(
        [f"to/{server.url('image/1')}", "to//image/2", f"to/{canary.url('image/3')}", "circle/4"]
    )
    assert found["fetched"] == 2
    assert found["failed"] == {"there are more than 3 redirects": 1}
    where = f"a redirect leads to the host {canary.where}, which is not allowed"
    assert list(found["later"]) == [where]


def test_a_redirect_to_no_url_is_a_failure(fetch: Fetch) -> None:
    found = fetch(["to/file:///etc/passwd", "to/http://[::1", "image/1"])
    assert found["fetched"] == 1
    elsewhere = (
        "a redirect leads to something else than a URL of http or https without a user's name"
    )
    assert found["later"] == {elsewhere: 1, "the host's answer is malformed": 1}


def test_a_disk_that_is_full_ends_the_run_as_any_other(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "images/ab/cd")

    monkeypatch.setattr("shelfwise.fetching.image_folder.ImageFolder.keep", full)
    # the command line tells an OSError in a sentence; what several requests raise together is another error
    with pytest.raises(OSError, match="No space left on device: 'images/ab/cd'"):
        fetch(["image/1", "image/2"])


@pytest.mark.parametrize(
    "line",
    [
        '{"url": "URL", "failed": ["a list"]}',
        '{"url": "URL", "failed": 3}',
        '{"url": "URL"}',
        "[" * 100_000,
    ],
    ids=["list", "number", "nothing", "deep"],
)
def test_a_damaged_line_of_the_journal_tells_nothing(
    fetch: Fetch, server: Any, tmp_path: Path, line: str
) -> None:
    (tmp_path / "images").mkdir()
    journal = tmp_path / "images" / "fetched.jsonl"
    journal.write_text(line.replace("URL", server.url("image/1")) + "\n", "utf-8")
    assert fetch(["image/1"])["fetched"] == 1


def test_a_url_with_an_odd_sign_is_remembered(fetch: Fetch, server: Any) -> None:
    # Python takes this sign for the end of a line
    for _ in range(2):
        assert fetch(["gone/\u2028x"])["failed"] == {"the host answered 404": 1}
    assert server.hits.total() == 1


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_journal_that_is_no_file_is_refused_at_once(
    fetch: Fetch, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "images").mkdir()
    make(tmp_path / "images" / "fetched.jsonl")
    with pytest.raises(StorageError, match=r"fetched.jsonl is no file"):
        fetch(["image/1"])


@pytest.mark.parametrize("content", ["my notes", "[]", "[" * 100_000])
def test_a_file_with_the_name_of_the_record_is_kept(
    fetch: Fetch, tmp_path: Path, content: str
) -> None:
    record = record_path(tmp_path / "products.csv")
    record.write_text(content, "utf-8")
    with pytest.raises(StorageError, match="is no record of fetched images"):
        fetch(["image/1"])
    assert record.read_text("utf-8") == content
    # and whoever reads the catalogue is told in a sentence, too
    with pytest.raises(CatalogError, match="is no record of fetched images"):
        read_catalog(tmp_path / "products.csv")


def test_a_host_that_asks_to_wait_is_waited_for(fetch: Fetch, server: Any) -> None:
    found = fetch(["busy/1", "image/2", "image/3", "image/4"], Limits(parallel=1, delay=0.0))
    assert found["fetched"] == 4
    # nothing was asked for in the second after the first answer
    assert server.times[1] - server.times[0] >= 1.0


def test_a_host_that_asks_to_wait_long_is_left_alone(fetch: Fetch, server: Any) -> None:
    found = fetch(["closed/0", *(f"image/{n}" for n in range(1, 30))], Limits(parallel=1))
    assert server.hits.total() == 1
    assert found["later"] == {
        "the host asks to wait 3600 seconds": 29,
        "the host answered 503": 1,
    }


def test_a_host_that_fails_again_and_again_is_left_alone(fetch: Fetch, server: Any) -> None:
    found = fetch([f"broken/{n}" for n in range(50)], Limits(parallel=1, delay=0.0, tries=1))
    assert server.hits.total() == 10
    assert found["later"]["the host failed 10 times in a row"] == 40


def test_requests_keep_their_distance_and_say_who_asks(fetch: Fetch, server: Any) -> None:
    fetch([f"image/{n}" for n in range(6)], Limits(parallel=3, delay=0.1))
    # started at least that far apart; what the network adds makes it no shorter on the whole
    assert server.times[-1] - server.times[0] >= 0.45
    assert server.agents == {"shelfwise-fetch"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]
)
def test_names_of_this_machine_are_refused(fetch: Fetch, canary: Any, host: str) -> None:
    where = f"{host}:{canary.server_port}"
    found = fetch([f"http://{where}/image/1"], allowlist=Allowlist.of([where]))
    assert found["fetched"] == 0
    [(reason, count)] = found["later"].items()
    assert count == 1
    assert "not public" in reason or "cannot be found" in reason


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[::1]"])
def test_addresses_of_metadata_and_intranets_are_refused(fetch: Fetch, host: str) -> None:
    found = fetch([f"http://{host}/latest/meta-data"], allowlist=Allowlist.of([host]))
    assert "not public" in next(iter(found["later"]))


def test_a_name_that_changes_its_address_reaches_nothing(fetch: Fetch, canary: Any) -> None:
    answers = []

    async def rebinding(host: str, port: int) -> list[str]:
        # public while it is checked; this machine whenever it is asked again
        answers.append("8.8.8.8" if not answers else "127.0.0.1")
        return answers[-1:]

    where = f"img.test:{canary.server_port}"
    allowlist = Allowlist.of([where], resolver=rebinding)
    urls = [f"http://{where}/image/{number}" for number in range(3)]
    found = fetch(urls, Limits(seconds=0.5, tries=2, parallel=1), allowlist)
    assert found["fetched"] == 0
    assert (
        found["later"][
            f"the host img.test has an address that is not public; "
            f"--allow-private {where} allows it"
        ]
        >= 2
    )


def test_the_address_that_was_checked_is_connected_to(fetch: Fetch, server: Any) -> None:
    asked = []

    async def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    where = f"img.test:{server.server_port}"
    resolver: Resolver = once
    allowlist = Allowlist.of([], [where], resolver)
    found = fetch([f"http://{where}/image/1", f"http://{where}/image/2"], allowlist=allowlist)
    assert found["fetched"] == 2
    # the name is known to nobody but this resolver, and the server is told it
    assert server.hosts == {where}
    assert asked == ["img.test"] * 2


def test_another_address_is_tried_where_one_is_not_reachable(fetch: Fetch, server: Any) -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    where = f"img.test:{server.server_port}"
    found = fetch([f"http://{where}/image/1"], allowlist=Allowlist.of([], [where], two))
    assert found["fetched"] == 1


def test_ipv6(fetch: Fetch, server: Any) -> None:
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6")

    class Ipv6Server(type(server)):  # type: ignore[misc]
        address_family = socket.AF_INET6

        def server_bind(self) -> None:
            self.server_address = ("::1", 0)
            super().server_bind()

    try:
        running = Ipv6Server()
    except OSError:
        pytest.skip("there is no IPv6")
    with running:
        where = f"[::1]:{running.server_port}"
        url = f"http://{where}/image/1"
        assert fetch([url], allowlist=Allowlist.of([where]))["fetched"] == 0
        assert not running.hits
        assert fetch([url], allowlist=Allowlist.of([], [where]))["fetched"] == 1
        running.shutdown()


def test_hosts_that_are_not_allowed_are_told_and_not_asked(
    fetch: Fetch, server: Any, canary: Any
) -> None:
    found = fetch(["image/1", canary.url("image/1")])
    assert found["not_allowed"] == {canary.where: 1}
    with pytest.raises(ConfigError, match=f"write --allow {server.where}"):
        fetch(["image/1"], allowlist=Allowlist())


def test_a_proxy_of_the_environment_is_passed_over(
    fetch: Fetch, canary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{canary.where}")
    assert fetch(["image/1"])["fetched"] == 1


def test_refused_folders_and_catalogues(fetch: Fetch, server: Any, tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path, [server.url("image/1")])
    rest = (Allowlist.of([], [server.where]), CatalogSettings(), Context(), FAST)
    with pytest.raises(StorageError, match="expected a folder below"):
        fetch_images(catalog, tmp_path.parent / "elsewhere", *rest)
    with pytest.raises(CatalogError, match="names no image by a URL"):
        fetch_images(write_catalog(tmp_path, ["a.jpg"]), tmp_path / "images", *rest)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_killed_run_is_resumed(server: Any, tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path, [server.url(f"image/{n}") for n in range(40)])
    server.pause = 0.1
    words = ["fetch", str(catalog), "--images", str(tmp_path / "images"), "--json"]
    options = ["--allow-private", server.where, "--parallel", "2", "--delay", "0"]
    command = [sys.executable, "-m", "shelfwise", *words, *options]
    environment = {**os.environ, "SHELFWISE_CACHE": str(tmp_path / "cache")}
    killed = subprocess.Popen(command, env=environment)
    images = tmp_path / "images"
    journal_path = images / "fetched.jsonl"
    while killed.poll() is None and _lines(journal_path) < 5:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    # half a line, and half an image, as a kill may leave them
    with journal_path.open("a", encoding="utf-8") as journal:
        journal.write('{"url": "http://')
    (images / "00").mkdir(exist_ok=True)
    (images / "00" / ".half.0123456789ab.writing").write_bytes(b"x")
    before = read_catalog(catalog).catalog.column("image")
    known = sum(image is not None for image in before)
    assert 5 <= known < 40
    server.hits.clear()
    server.pause = 0.0
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["there_already"] == known
    assert found["fetched"] == server.hits.total() == 40 - known
    assert all(read_catalog(catalog).catalog.column("image"))
    assert not list(images.glob("*/.*"))
    lines = journal_path.read_text("utf-8").splitlines()
    assert all(json.loads(line)["url"] for line in lines)
