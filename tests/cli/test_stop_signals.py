"""A command that is stopped ends in order: nothing unfinished stays, and the code names the signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shelfwise.__main__ import main
from shelfwise.cli.stop_signals import orderly_stop, stop_told

WRITER = """
import sys, time
from pathlib import Path
from shelfwise.cli import main
from shelfwise.commands import sample
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import replacing

def write(out, *_):
    with claimed(out), replacing(out) as unfinished:
        unfinished.write_text("half")
        print("begun", flush=True)
        time.sleep(60)

sample.sample_catalog = write
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_is_unfinished_is_removed(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, "sample", "--out", str(tmp_path / "new")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline() == "begun\n"
        assert list(tmp_path.iterdir())
        run.send_signal(number)
        assert run.wait(30) == 128 + number
        assert run.stderr.read() == "stopped; what was unfinished is removed\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143), SystemExit(129)])
def test_a_stop_is_told_in_a_sentence_with_how_to_go_on(
    stop: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(stop)), stop_told("train"):
        raise stop
    removed, goes_on = capsys.readouterr().err.split("removed; ")
    assert (removed, goes_on) == (
        "stopped; what was unfinished is ",
        "with --resume the same command goes on where it stopped\n",
    )


def test_of_a_review_nothing_is_called_removed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), stop_told("review"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "stopped; every decision that was answered is kept\n"


def test_a_code_of_a_verbs_own_is_no_stop(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="4"), stop_told("label"):
        raise SystemExit(4)
    assert capsys.readouterr().err == ""


def test_a_stop_while_the_command_line_is_imported_is_no_traceback() -> None:
    stopped = (
        "import sys; from shelfwise import __main__ as command\n"
        # the first import of the command line's own is interrupted
        "class Stop:\n    def find_spec(self, name, path, target=None):\n"
        "        if name == 'shelfwise.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop()); command.main()"
    )
    done = subprocess.run([sys.executable, "-c", stopped], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_stop_while_options_are_made_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shelfwise.cli.main.main", stopped)
    with pytest.raises(SystemExit, match="130"):
        main()


def test_with_nohup_a_closed_terminal_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_stop():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(SystemExit, match="143"):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
