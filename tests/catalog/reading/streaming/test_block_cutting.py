"""Blocks tile the file, and no line, key or compression makes the reader take more than its share."""

from __future__ import annotations

import ast
import cProfile
import gzip
import json
import pstats
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks
from shelfwise.errors import CatalogError

PRODUCT = b'{"id": "%d", "title": "Blue mug"}\n'

READ = """
import sys
from pathlib import Path
from shelfwise.catalog.reading.reader import read_catalog
reading = read_catalog(Path(sys.argv[1]))
kinds = [(one.kind, one.line, one.length) for one in reading.quarantine]
# not ru_maxrss, which counts the memory of the process that started this one too
status = Path("/proc/self/status").read_text().split()
print((len(reading.catalog), kinds, int(status[status.index("VmHWM:") + 1])))
"""


@given(st.lists(st.sampled_from([b"a", b"\n", b"long" * 20, b"b\nc", b"\n\n"])))
def test_blocks_tile_the_file_and_long_lines_are_faults(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(block_cutting, "MAX_RECORD_BYTES", 50)
        small.setattr(block_cutting, "BLOCK_BYTES", 10)
        small.setattr(block_cutting, "KEPT_BYTES", 7)
        blocks = list(cut_blocks(chunks))
    offset = 0
    for block in blocks:
        assert block.offset == offset
        assert block.line == data.count(b"\n", 0, offset) + 1
        assert data[offset:].startswith(block.data)
        whole = data[offset : offset + len(block.data) + block.skipped]
        offset += len(whole)
        # what is skipped is the rest of one line
        assert (block.fault is not None) == (block.skipped > 0)
        if block.fault is not None:
            assert whole.rstrip(b"\n").count(b"\n") == 0
            assert len(whole) > 50
            assert block.fault.kind == "record too long"
    assert offset == len(data)


def test_a_line_of_any_length_takes_little_memory(tmp_path: Path) -> None:
    """60 MB of zeros in 60 KB of gzip took a gigabyte; whoever reads it must not be killed."""
    source = tmp_path / "shop.jsonl.gz"
    with gzip.open(source, "wb", compresslevel=1) as file:
        file.write(PRODUCT % 1)
        for _ in range(60):
            file.write(bytes(1_000_000))
        file.write(b"\n" + PRODUCT % 2)
    command = [sys.executable, "-c", READ, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    products, kinds, kibibytes = ast.literal_eval(done.stdout)
    assert products == 2
    assert kinds == [("record too long", 2, 60_000_001)]
    assert kibibytes < 400 << 10


def test_a_file_that_expands_without_measure_is_refused(tmp_path: Path) -> None:
    blanks = (PRODUCT % 1 + b" " * (1 << 20) + b"\n") * 80
    (tmp_path / "shop.jsonl.gz").write_bytes(gzip.compress(blanks, 9))
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shop.jsonl", blanks)
    for name in ("shop.jsonl.gz", "shop.zip"):
        with pytest.raises(CatalogError, match="expands to more than 200 times its size"):
            read_catalog(tmp_path / name)


def test_a_small_file_may_be_compressed_a_thousand_times(tmp_path: Path) -> None:
    lines = b'{"id": "1", "title": "' + b"a" * 1_000_000 + b'"}\n'
    (tmp_path / "shop.jsonl.gz").write_bytes(gzip.compress(lines, 9))
    assert len(read_catalog(tmp_path / "shop.jsonl.gz").catalog) == 1


def test_a_header_of_any_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(b"id," + b"a" * (18 << 20))
    with pytest.raises(CatalogError, match=r"header .* bytes or more; expected at most 16,777,216"):
        read_catalog(tmp_path / "shop.csv")


def calls(path: Path, count: int) -> int:
    """How many calls it takes to read so many products, each with a key of its own."""
    rows = ({"id": str(i), "title": f"mug {i}", f"key{i}": "x"} for i in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    profile = cProfile.Profile()
    reading = profile.runcall(read_catalog, path)
    assert len(reading.catalog) == count
    assert any("left out" in note for note in reading.notes), "what is dropped is told"
    return int(pstats.Stats(profile).total_calls)


def test_keys_of_their_own_take_linear_time(tmp_path: Path) -> None:
    """Four times the records took 16 times the calls."""
    # what is imported at the first use is no part of it
    calls(tmp_path / "first.jsonl", 2100)
    few = calls(tmp_path / "few.jsonl", 2100)
    many = calls(tmp_path / "many.jsonl", 6300)
    assert many < 4.5 * few
