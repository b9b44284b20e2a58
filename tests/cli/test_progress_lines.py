"""Progress as lines of JSON, for a program that started this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shelfwise.cli.progress_lines import line_context


def test_the_beginning_and_the_end_of_a_stage_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with line_context(3, None).progress("fitting title", 40) as progress:
        for _ in range(40):
            progress.advance()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == {"stage": "fitting title", "done": 0, "total": 40}
    assert lines[-1] == {"stage": "fitting title", "done": 40, "total": 40}
    # not one for each step
    assert len(lines) < 20


def test_a_command_ends_when_nobody_reads_its_progress(sample: Path) -> None:
    """Whoever started it was killed: it must not go on working for nobody."""
    command = [sys.executable, "-m", "shelfwise", "inspect", str(sample)]
    environment = {**os.environ, "SHELFWISE_PROGRESS": "json"}
    reads, writes = os.pipe()
    os.close(reads)
    with subprocess.Popen(
        command, stderr=writes, stdout=subprocess.PIPE, env=environment
    ) as process:
        os.close(writes)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert output == b""
