"""Decoders run in processes of their own: one that crashes or hangs costs its image, and no other."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelfwise.vision import decoding_workers
from shelfwise.vision.decoding_workers import decode_apart
from shelfwise.vision.image_decoding import ImageRejectedError, Reshaping, decode

WHOLE = Reshaping("thumbnail", 64)

# workers that die of one image, as of a fault in a decoder written in C, and sleep over another
FAULTY = """
import os, signal, sys, time
sys.path[:] = {path!r}
from shelfwise.vision import decoding_process
decode = decoding_process.decode
def faulty(data, reshaping):
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"hang":
        time.sleep(60)
    return decode(data, reshaping)
decoding_process.decode = faulty
decoding_process.work()
"""


@pytest.fixture(autouse=True)
def own_workers(monkeypatch: pytest.MonkeyPatch):
    """Workers of this test alone."""
    workers = decoding_workers._Workers(os.getpid())
    monkeypatch.setattr(decoding_workers, "_workers_of", lambda _process: workers)
    yield workers
    workers.end()


def png(colour: tuple[int, int, int], side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def colours(answers: list[decoding_workers.Answer]) -> list[object]:
    """The colour of each image, or why there is none."""
    found: list[object] = []
    for answer in answers:
        if isinstance(answer, ImageRejectedError):
            found.append(str(answer))
        else:
            found.append(tuple(answer.pixels[0, 0].tolist()))
    return found


def test_answers_are_those_of_the_decoder_and_in_order() -> None:
    images = [png((i, 2, 3), 4 + i) for i in range(20)]
    images[7] = b"no image"
    answers = decode_apart(images, WHOLE)
    for place, (data, answer) in enumerate(zip(images, answers, strict=True)):
        if place == 7:
            assert str(answer).startswith("the file is not an image")
            continue
        assert not isinstance(answer, ImageRejectedError)
        np.testing.assert_array_equal(answer.pixels, decode(data, WHOLE).pixels)


def test_products_without_images_start_no_worker(own_workers) -> None:
    assert decode_apart([], WHOLE) == []
    assert own_workers._idle == []


def test_a_crash_costs_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_workers, "_START", FAULTY)
    images = [png((1, 0, 0)), b"crash", png((2, 0, 0)), png((3, 0, 0))]
    reason = "the image is damaged or broken off (its decoder crashed)"
    for _ in range(2):
        assert colours(decode_apart(images, WHOLE)) == [(1, 0, 0), reason, (2, 0, 0), (3, 0, 0)]


def test_an_image_that_takes_too_long_costs_one_image(
    own_workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_workers, "_START", FAULTY)
    decode_apart([png((1, 0, 0))], WHOLE)
    own_workers._idle[0]._socket.settimeout(0.5)
    answers = decode_apart([png((1, 0, 0)), b"hang", png((2, 0, 0))], WHOLE)
    reason = "the image takes more than 60 seconds to decode"
    assert colours(answers) == [(1, 0, 0), reason, (2, 0, 0)]


def test_a_worker_that_the_system_ended_costs_nothing(own_workers) -> None:
    decode_apart([png((1, 0, 0))], WHOLE)
    [worker] = own_workers._idle
    worker._process.kill()
    worker._process.wait()
    assert colours(decode_apart([png((2, 0, 0))], WHOLE)) == [(2, 0, 0)]


def test_an_interrupt_leaves_no_answer_behind(own_workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_worker: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoding_workers._Worker, "_read_answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            decode_apart([png((1, 0, 0))], WHOLE)
    assert colours(decode_apart([png((2, 0, 0))], WHOLE)) == [(2, 0, 0)]


def test_threads_get_their_own_images() -> None:
    wrong: list[int] = []

    def check(red: int) -> None:
        for _ in range(20):
            if colours(decode_apart([png((red, 0, 0))], WHOLE)) != [(red, 0, 0)]:
                wrong.append(red)

    threads = [threading.Thread(target=check, args=(red,)) for red in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_processes_images_are_decoded_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/there/is/no/such/python")
    answers = decode_apart([png((1, 0, 0)), b""], WHOLE)
    assert colours(answers)[0] == (1, 0, 0)
    assert isinstance(answers[1], ImageRejectedError)
    assert "without a process of their own" in caplog.text


def test_a_forked_process_has_workers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    decode_apart([png((1, 0, 0))], WHOLE)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.starmap(decode_apart, [([png((red, 0, 0))], WHOLE) for red in range(30)])
    assert [colours(answer) for answer in answers] == [[(red, 0, 0)] for red in range(30)]
    assert colours(decode_apart([png((2, 0, 0))], WHOLE)) == [(2, 0, 0)]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(end: signal.Signals) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("the system does not list processes")
    program = (
        "import sys, time; from shelfwise.vision import decoding_workers as d; "
        "from shelfwise.vision.image_decoding import Reshaping; import os; "
        "d.decode_apart([b''], Reshaping('thumbnail', 8)); "
        "print(d._workers_of(os.getpid())._idle[0]._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
        process.send_signal(end)
    for _ in range(500):
        state = Path(f"/proc/{worker}/stat")
        # a process whose parent is gone may wait to be collected
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        threading.Event().wait(0.02)
    pytest.fail("the worker is still there")
