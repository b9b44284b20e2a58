"""How much memory this process may still take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_bytes(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """The least of what the machine and the container leave; None where the system does not tell."""
    return min([*_of_machine(meminfo), *_of_container(cgroup)], default=None)


def _of_machine(meminfo: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):
        for line in meminfo.read_text().splitlines():
            name, _, value = line.partition(":")
            # what can be had without swapping, caches included
            if name == "MemAvailable":
                yield int(value.split()[0]) * 1024


def _of_container(cgroup: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):
        # "max", which is no number, where there is no limit
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        # pages of files that were read are given back when they are needed
        yield max(0, limit - used + _file_pages(cgroup))


def _file_pages(cgroup: Path) -> int:
    for line in (cgroup / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0
