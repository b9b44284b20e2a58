"""The folder of fetched images: what is there, and what will never be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.images.image_urls import file_name
from shelfwise.disk.claims import LEFTOVERS
from shelfwise.disk.files import json_text, replacing, write_text_atomically
from shelfwise.disk.folders import make_folders
from shelfwise.errors import StorageError

JOURNAL = "fetched.jsonl"
"""One line an image: its url with its file and bytes, or with the reason why there is none."""


class ImageFolder:
    """The images under one folder; only one process may write there.

    An image is there whole or not at all. The journal is for people and for what failed for good: which
    images are there is seen from their files.

    Raises:
        StorageError: something else than a file has the journal's name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folders(path)
        # left by a run that was killed in the middle of an image
        for leftover in path.glob(f"*/.*{LEFTOVERS}"):
            leftover.unlink()
        self._journal = path / JOURNAL
        self.failed = self._read_journal()

    def has(self, url: str) -> bool:
        """Whether the image of `url` is there."""
        return (self.path / file_name(url)).is_file()

    def keep(self, url: str, data: bytes) -> None:
        """Store the image of `url`."""
        name = file_name(url)
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(data)
        self._append({"url": url, "file": name, "bytes": len(data)})

    def give_up(self, url: str, reason: str) -> None:
        """Remember why there will be no image of `url`."""
        self.failed[url] = reason
        self._append({"url": url, "failed": reason})

    def forget_failures(self) -> None:
        """Let what failed for good be tried again."""
        self.failed.clear()
        lines = [line for line in self._lines() if "failed" not in line]
        self._rewrite(lines)

    def _append(self, line: dict[str, Any]) -> None:
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json_text(line) + "\n")

    def _read_journal(self) -> dict[str, str]:
        lines = self._lines()
        if self._journal.exists():
            # what a killed run has written half must not run into the next line
            self._rewrite(lines)
        return {line["url"]: line["failed"] for line in lines if "failed" in line}

    def _rewrite(self, lines: Iterable[dict[str, Any]]) -> None:
        write_text_atomically(self._journal, (json_text(line) + "\n" for line in lines))

    def _lines(self) -> list[dict[str, Any]]:
        """The whole lines of the journal."""
        if not os.path.lexists(self._journal):
            return []
        # whoever reads a pipe or a device waits for its end
        if not self._journal.is_file():
            raise StorageError(f"{self._journal} is no file; remove it, or choose another --images")
        lines = []
        # a line is ended by this sign alone: a URL may hold others that Python takes for an end
        for text in self._journal.read_text("utf-8", "replace").split("\n"):
            try:
                line = json.loads(text)
            # a kill may have cut the last line short
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("url"), str) and _is_outcome(line):
                lines.append(line)
        return lines


def _is_outcome(line: dict[str, Any]) -> bool:
    """Whether a line tells an image's file, or in words why there is none."""
    return isinstance(line.get("failed", line.get("file")), str)
