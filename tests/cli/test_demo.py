"""``shelfwise demo`` ends with commands that open its pages, and they do."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shelfwise.cli.terminal import called_as


def test_a_command_that_is_told_begins_as_this_one_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "own venv" / "bin" / "shelfwise"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    # where another environment's program comes first, the short name would call that one
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(called_as()) == [str(program)]
    monkeypatch.setenv("PATH", str(program.parent))
    assert called_as() == "shelfwise"
    monkeypatch.setattr(sys, "argv", ["/somewhere/shelfwise/__main__.py"])
    assert shlex.split(called_as()) == [sys.executable, "-m", "shelfwise"]


@pytest.mark.slow
def test_the_commands_that_it_tells_open_its_pages(tmp_path: Path) -> None:
    demo = ["demo", "--out", "own demo", "--products", "240", "--budget", "9m"]
    done = subprocess.run(
        [sys.executable, "-m", "shelfwise", *demo],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line.strip() for line in done.stdout.splitlines()[-2:]]
    assert [shlex.split(line)[3] for line in told] == ["serve", "review"]
    for line in told:
        # pasted as it stands; only the port may be taken here
        opened = subprocess.Popen(
            ["sh", "-c", f"exec {line} --port 0 --json"], cwd=tmp_path, stdout=subprocess.PIPE
        )
        try:
            assert opened.stdout is not None
            where = json.loads(opened.stdout.readline())
            if "people" in where:
                [person] = where["people"]
                where = person
            # the review's address gives a cookie and leads on
            with httpx.Client(follow_redirects=True, timeout=60) as browser:
                page = browser.get(where["address"])
            assert page.status_code == 200
            assert "<h1" in page.text
        finally:
            opened.terminate()
            opened.wait(60)
