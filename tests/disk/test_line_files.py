from pathlib import Path

import pytest

from shelfwise.disk.line_files import LineFiles


def test_files_are_there_when_the_block_ends(tmp_path: Path) -> None:
    with LineFiles(tmp_path / "out.jsonl") as files:
        files.add("accept.txt", "1\n")
        files.add("accept.txt", "2\n")
        files.start("reject.txt")
        assert not files.place("accept.txt").exists()
    assert files.counts == {"accept.txt": 2}
    assert (tmp_path / "out.jsonl.accept.txt").read_text("utf-8") == "1\n2\n"
    assert (tmp_path / "out.jsonl.reject.txt").read_text("utf-8") == ""
    assert len(list(tmp_path.iterdir())) == 2


def test_after_an_error_the_files_are_as_they_were(tmp_path: Path) -> None:
    earlier = tmp_path / "out.accept.txt"
    earlier.write_text("earlier\n")
    with pytest.raises(TypeError), LineFiles(tmp_path / "out") as files:
        # the second line is no text
        [files.add("accept.txt", line) for line in ("1\n", None)]  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == [earlier.name]
    assert earlier.read_text("utf-8") == "earlier\n"
