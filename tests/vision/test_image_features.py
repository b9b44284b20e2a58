"""The cache of encoded images, against encoding everything anew."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelfwise.core.types import Context, Progress
from shelfwise.vision import image_features as encoded
from shelfwise.vision.image_features import PixelEncoder, encode_images
from shelfwise.vision.image_io import Pixels, Resizing


class Counter:
    """Mean colours as rows; counts the images it sees. With `together`, the batch's mean is taken off."""

    def __init__(self, together: bool = False) -> None:
        self.seen: list[int] = []
        self.together = together

    def __call__(self, pixels: Pixels) -> np.ndarray[Any, Any]:
        self.seen.append(len(pixels))
        rows = pixels.reshape(len(pixels), -1, 3).mean(axis=1)
        return (rows - rows.mean(axis=0) * self.together).astype(np.float16)

    def encoder(self, **changes: Any) -> PixelEncoder:
        return dataclasses.replace(
            PixelEncoder(
                self, (3,), "float16", Resizing(8), "k", batch=4, batch_dependent=self.together
            ),
            **changes,
        )


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for i in range(10):
        Image.new("RGB", (9, 9), (i * 20, 255 - i * 20, 7)).save(tmp_path / f"{i}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "3.png").read_bytes())
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "bad2.png").write_bytes(b"no image")
    names = [*range(5), "bad", "copy", "none", *range(5, 10), "bad2"]
    return [tmp_path / f"{name}.png" for name in names]


COLOURS = np.array([[i * 20, 255 - i * 20, 7] for i in range(10)])


def test_one_image_is_encoded_without_a_thread(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(count: int) -> None:
        raise AssertionError("threads were started")

    monkeypatch.setattr(encoded, "ThreadPoolExecutor", start)
    assert np.array_equal(
        encode_images(paths[1:2], Counter().encoder(), Context()).rows, COLOURS[1:2]
    )
    assert "not an image" in encode_images(paths[5:6], Counter().encoder(), Context()).reasons[0]
    with pytest.raises(AssertionError, match="started"):
        encode_images(paths, Counter().encoder(), Context())


@pytest.mark.parametrize("cached", [False, True])
def test_rows_reasons_and_shared_copies(paths: list[Path], tmp_path: Path, cached: bool) -> None:
    done = encode_images(
        paths, Counter().encoder(), Context(cache=tmp_path / "cache" if cached else None)
    )
    assert sorted(done.reasons) == [5, 7, 13]
    assert "not an image" in done.reasons[5]
    assert done.reasons[13] == done.reasons[5]
    assert "no such file" in done.reasons[7]
    assert np.all((done.index < 0) == np.isin(np.arange(14), [5, 7, 13]))
    assert done.index[6] == done.index[3]
    good = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]
    assert np.array_equal(done.rows[done.index[good]], COLOURS)


def test_a_second_run_encodes_nothing_and_another_setting_everything(
    paths: list[Path], tmp_path: Path
) -> None:
    context, counter = Context(cache=tmp_path / "cache"), Counter()
    first = encode_images(paths, counter.encoder(), context)
    assert sum(counter.seen) == 10
    again = encode_images(paths[::-1], counter.encoder(), context)
    assert sum(counter.seen) == 10
    assert np.array_equal(again.rows[again.index[::-1][:5]], first.rows[first.index[:5]])
    encode_images(paths, counter.encoder(identity="other"), context)
    assert sum(counter.seen) == 20


def test_a_changed_image_is_encoded_anew(paths: list[Path], tmp_path: Path) -> None:
    context, counter = Context(cache=tmp_path / "cache"), Counter()
    encode_images(paths, counter.encoder(), context)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(paths[0])
    done = encode_images(paths, counter.encoder(), context)
    assert sum(counter.seen) == 11
    assert done.rows[done.index[0]].tolist() == [1, 2, 3]


def test_damaged_shards_are_not_believed(paths: list[Path], tmp_path: Path) -> None:
    context, counter = Context(cache=tmp_path / "cache"), Counter()
    first = encode_images(paths, counter.encoder(), context)
    (shard,) = (tmp_path / "cache").rglob("*.safetensors")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    (shard.parent / "half.part").write_bytes(b"what a killed run leaves")
    again = encode_images(paths, counter.encoder(), context)
    assert sum(counter.seen) == 20
    assert np.array_equal(first.rows[first.index], again.rows[again.index])


def test_a_run_that_is_stopped_keeps_its_shards(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "SHARD_ROWS", 4)
    context, counter = Context(cache=tmp_path / "cache"), Counter()

    def stopped(pixels: Pixels) -> np.ndarray[Any, Any]:
        if len(counter.seen) == 2:
            raise KeyboardInterrupt
        return counter(pixels)

    with pytest.raises(KeyboardInterrupt):
        encode_images(paths, counter.encoder(run=stopped), context)
    encode_images(paths, counter.encoder(), context)
    assert sum(counter.seen) <= 10 + 4


def test_rows_of_whole_batches(paths: list[Path], tmp_path: Path) -> None:
    good = [p for p in paths if p.stem.isdigit()]
    context, counter = Context(cache=tmp_path / "cache"), Counter(together=True)
    done = encode_images(good, counter.encoder(), context)
    expected = [COLOURS[i : i + 4] - COLOURS[i : i + 4].mean(axis=0) for i in (0, 4, 8)]
    assert np.allclose(done.rows[done.index], np.concatenate(expected), atol=0.1)
    encode_images(good, counter.encoder(), context)
    assert counter.seen == [4, 4, 2]
    encode_images([good[1], good[0], *good[2:]], counter.encoder(), context)
    assert counter.seen == [4, 4, 2, 4]


def test_a_cache_that_cannot_be_written_costs_the_cache_only(
    paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = encode_images(paths, Counter().encoder(), Context(cache=tmp_path / "file"))
    assert (done.index >= 0).sum() == 11
    assert "not kept" in caplog.text


def test_large_results_are_mapped_from_a_file(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = encode_images(paths, Counter().encoder(), Context())
    monkeypatch.setattr(encoded, "MAX_BYTES_IN_MEMORY", 10)
    mapped = encode_images(paths, Counter().encoder(), Context())
    assert isinstance(mapped.rows, np.memmap)
    assert np.array_equal(mapped.rows, expected.rows)


def test_no_images_at_all() -> None:
    done = encode_images([], Counter().encoder(), Context())
    assert len(done.index) == 0
    assert not done.reasons


def test_progress_reaches_its_total(paths: list[Path], tmp_path: Path) -> None:
    steps: list[int] = []

    class Bar:
        def advance(self, steps_: int = 1) -> None:
            steps.append(steps_)

    class Told(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Progress]:
            assert total == 14
            yield Bar()

    for _ in range(2):
        steps.clear()
        encode_images(paths, Counter().encoder(), Told(cache=tmp_path / "cache"))
        assert sum(steps) == 14
