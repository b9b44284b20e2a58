"""Small files that people name: a pipe, a device or a file without end holds nothing up."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.config import Config
from shelfwise.config.written_files import read_written_file, read_written_text
from shelfwise.errors import CatalogError, ConfigError, TaxonomyError
from shelfwise.taxonomy.files import read_taxonomy
from shelfwise.taxonomy.migration import Migration


def test_lines_end_alike_and_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
    assert read_written_text(file, "utf-8-sig") == "one\ntwo\nthree"


def test_what_has_no_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="more than 5,000,000 bytes"):
        read_written_file("/dev/zero", 5_000_000)
    file = tmp_path / "file"
    file.write_bytes(bytes(10))
    assert read_written_file(file, 10) == bytes(10)
    with pytest.raises(OSError, match="more than 9 bytes"):
        read_written_file(file, 9)


def test_a_pipe_is_read_to_its_end() -> None:
    reader, writer = os.pipe()

    def write_late() -> None:
        for part in (b"a" * 100_000, b"b"):
            time.sleep(0.02)
            os.write(writer, part) if part == b"b" else _write_all(writer, part)
        os.close(writer)

    thread = threading.Thread(target=write_late)
    thread.start()
    # as a shell names what <(...) writes
    assert read_written_file(f"/dev/fd/{reader}") == b"a" * 100_000 + b"b"
    thread.join()
    os.close(reader)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def test_nobody_waits_for_a_pipe_without_a_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told = "a pipe in which nothing was written"
    with pytest.raises(ConfigError, match=told):
        Config.load("quick", pipe)
    with pytest.raises(CatalogError, match=told):
        read_corrections(pipe)
    with pytest.raises(TaxonomyError, match=told):
        Migration.load(pipe)
    with pytest.raises(TaxonomyError, match=told):
        read_taxonomy(pipe)
    # a device that is empty on purpose
    assert Config.load("quick", Path("/dev/null")) == Config.load("quick")


def test_folders_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no settings file"):
        Config.load("quick", tmp_path / "none")
    with pytest.raises(ConfigError, match="Is a directory"):
        Config.load("quick", tmp_path)
    with pytest.raises(CatalogError, match="there is no corrections file"):
        read_corrections(tmp_path / "none")
