"""Claims: one writer at a time, whoever it is, and nothing left of writers that were killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelfwise.disk.claims import claimed
from shelfwise.errors import StorageError

HOLDER = """
import sys, time
from pathlib import Path
from shelfwise.disk.claims import claimed

with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed ``tmp_path / "model"``, until its input ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "model")], text=True, **pipes
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_writes(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    expected = rf"model is being written by process {holder.pid}; wait until it has finished"
    with pytest.raises(StorageError, match=expected), claimed(tmp_path / "model"):
        pass
    # other places are free
    with claimed(tmp_path / "other"):
        pass


def test_the_claim_of_a_killed_process_is_free(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.kill()
    holder.wait()
    with claimed(tmp_path / "model"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_claim_holds_within_a_process_too(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "model"),
        pytest.raises(StorageError, match="is being written"),
        claimed(tmp_path / "model"),
    ):
        pass
    with claimed(tmp_path / "model"):
        pass


def test_a_link_and_what_it_leads_to_are_one_place(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "current").symlink_to(tmp_path / "versions")
    with (
        claimed(tmp_path / "versions"),
        pytest.raises(StorageError, match="is being written"),
        claimed(tmp_path / "current"),
    ):
        pass


def test_leftovers_of_killed_writers_are_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".model.0123456789ab.writing").mkdir()
    (tmp_path / ".model.0123456789ab.writing" / "config.json").write_text("{}")
    (tmp_path / ".model.0123.writing").write_text("half a file")
    (tmp_path / ".other.0123.writing").write_text("of another run, which may be at work")
    with claimed(tmp_path / "model"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".other.0123.writing"]
    assert "a run that was stopped" in caplog.text


def test_leftovers_inside_a_folder_are_removed(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / ".audit.jsonl.0123.writing").write_text("half a file")
    (tmp_path / "audit" / "audit.jsonl").write_text("a whole file")
    with claimed(tmp_path / "audit"):
        pass
    assert [path.name for path in (tmp_path / "audit").iterdir()] == ["audit.jsonl"]


@pytest.mark.parametrize("own", ["model", "folder", "mode[l]", "mo*"])
def test_what_another_writer_is_at_work_on_stays(tmp_path: Path, own: str) -> None:
    """Its name may begin like ours, lie in our folder, or fit ours taken as a pattern."""
    others = [tmp_path / "model.v2", tmp_path / "folder" / "labels.jsonl", tmp_path / "model"]
    (tmp_path / "folder").mkdir()
    unfinished = [one.with_name(f".{one.name}.0123456789ab.writing") for one in others]
    with claimed(others[0]), claimed(others[1]):
        for one in unfinished:
            one.write_text("half a file")
        with claimed(tmp_path / own):
            pass
        assert unfinished[0].exists()
        assert unfinished[1].exists()
        # what nobody is at work on goes, if it is ours
        assert unfinished[2].exists() == (own != "model")
    # the writers have been killed: it goes with the next ones
    for one in others:
        with claimed(one):
            pass
    assert not [one for one in unfinished if one.exists()]


def test_a_place_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match=r"cannot write .*; choose another place"),
        claimed(tmp_path / "file" / "model"),
    ):
        pass


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StorageError, match="leads to itself"), claimed(tmp_path / "loop"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_the_root_is_refused() -> None:
    with pytest.raises(StorageError, match="cannot write /: it is the root"), claimed(Path("/")):
        pass


FULL = """
import resource, sys
from pathlib import Path
from shelfwise.disk.claims import claimed

# no file may grow: writing fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
"""


def test_a_full_disk_does_not_hold_a_claim_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "model")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout == "claimed\n"
