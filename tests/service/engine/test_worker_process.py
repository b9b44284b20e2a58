"""What a model worker tells before its first answer."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from shelfwise.service.engine.frames import Message, read_frame


def test_a_model_that_cannot_be_loaded_is_told_in_the_sentence_of_the_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shelfwise.service.engine.worker_process", str(tmp_path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    stream = io.BytesIO(done.stdout)
    messages: list[Message] = []
    while (message := read_frame(stream)) is not None:
        messages.append(message)
    [failed] = [message for message in messages if message["kind"] == "failed"]
    assert failed["reason"].startswith(f"{tmp_path} is not a shelfwise model: ")
