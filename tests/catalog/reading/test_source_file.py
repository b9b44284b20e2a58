"""A catalogue is a regular file that nobody changes while it is read; anything else is refused in words."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import open_stream, read_catalog
from shelfwise.catalog.reading.source_file import unchanged
from shelfwise.catalog.reading.streaming.block_cutting import BLOCK_BYTES
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

REFUSED = "not a file; a catalogue is read more than once: write it to a file first"


@pytest.mark.parametrize("name", ["shop.csv", "shop.jsonl.gz", "shop.parquet"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(CatalogError, match=f"is a pipe, {REFUSED}"):
        read_catalog(tmp_path / name)


def test_verbs_do_not_wait_for_a_pipe(
    command: Callable[..., subprocess.CompletedProcess[str]], trained: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "shop.csv"
    os.mkfifo(pipe)
    out = tmp_path / "out"
    for words in (
        ("inspect", pipe, "--out", out),
        ("init", pipe, "--out", out),
        ("train", pipe, "--out", out),
        ("compare", pipe, "--out", out),
        ("evaluate", trained, pipe),
        ("predict", trained, pipe, "--out", tmp_path / "out.jsonl"),
        ("audit", trained, pipe, "--out", out),
        ("export", pipe, "--parquet", out),
        ("fetch", pipe, "--images", tmp_path / "images", "--allow", "cdn.shop.com"),
        ("review", trained, pipe, "--port", 0),
    ):
        done = command(*words)
        assert done.returncode == 2, words
        assert f"is a pipe, {REFUSED}" in done.stderr, words


def test_devices_sockets_and_standard_input_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=f"/dev/null is a device, {REFUSED}"):
        read_catalog("/dev/null")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        with pytest.raises(CatalogError, match=f"is a socket, {REFUSED}"):
            read_catalog(tmp_path / "door")
    with pytest.raises(CatalogError, match="standard input is not read"):
        read_catalog("-")


def test_what_a_shell_pipes_is_refused() -> None:
    """``<(command)`` and /dev/stdin are pipes by other names."""
    code = "import sys; from shelfwise.catalog.reading.reader import read_catalog; read_catalog(sys.argv[1])"
    command = [sys.executable, "-c", code, "/dev/stdin"]
    done = subprocess.run(
        command, input="id,title\n1,Mug\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert "/dev/stdin is a pipe" in done.stderr


def large(path: Path) -> Path:
    """A file of several blocks."""
    line = json.dumps({"id": "ID", "title": "Mug " * 250}) + "\n"
    count = 3 * BLOCK_BYTES // len(line)
    path.write_text("".join(line.replace("ID", str(number)) for number in range(count)), "utf-8")
    return path


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lengthened(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "new", "title": "Mug"}\n')


def written_over(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Mug", b"Cup"))
    # a clock of coarse steps may not have moved
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    stamp = path.stat().st_mtime_ns
    os.utime(other, ns=(stamp, stamp))
    other.rename(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut_short, r"it had [\d,]+ bytes, and has [\d,]+"),
        (lengthened, r"it had [\d,]+ bytes, and has [\d,]+"),
        (written_over, "it was written to"),
        (replaced, "it was written to"),
        (Path.unlink, "it is gone"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(
    change: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    path = large(tmp_path / "shop.jsonl")

    def read_on() -> None:
        with open_stream(path, CatalogSettings()) as stream:
            for number, _ in enumerate(stream):
                if number == 0:
                    change(path)

    with pytest.raises(CatalogError, match=rf"was changed while it was read \({words}\)"):
        read_on()


def test_what_fails_because_of_the_change_says_so(tmp_path: Path) -> None:
    path = large(tmp_path / "shop.jsonl")

    def fail(change: Callable[[Path], None], message: str) -> None:
        with unchanged(path):
            change(path)
            raise OSError(message)

    with pytest.raises(OSError, match="the disk is full"):
        fail(Path.stat, "the disk is full")
    with pytest.raises(CatalogError, match="was changed while it was read"):
        fail(cut_short, "unexpected end of file")
