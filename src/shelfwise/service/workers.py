"""Model workers, as the service sees them: processes that answer, and that may end, hang or be killed."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelfwise.core.one_thread import ONE_THREAD
from shelfwise.errors import ShelfwiseError
from shelfwise.service.frames import Message, pack, receive_frame
from shelfwise.service.settings import ServiceSettings

log = logging.getLogger("shelfwise")


class WorkerError(ShelfwiseError):
    """A worker could not load its model, or has ended."""


@dataclass
class Worker:
    """One process with the model.

    Args:
        folder: of the model.
        settings: how long it may be silent, load or compute.
    """

    folder: Path
    settings: ServiceSettings
    facts: dict[str, Any] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _heard: float = field(default_factory=time.monotonic)
    _reply: asyncio.Future[Message] | None = None

    async def start(self) -> None:
        """Start the process and wait until its model is loaded and has labelled a product.

        Raises:
            WorkerError: the model cannot be loaded; what the worker said of it.
        """
        self._reply = asyncio.get_running_loop().create_future()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shelfwise.service.worker_process",
            str(self.folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            # a frame may be longer than a line of text
            limit=1 << 22,
        )
        self._heard = time.monotonic()
        self._reader = asyncio.create_task(self._read())
        try:
            message = await asyncio.wait_for(self._reply, self.settings.load_seconds)
        except TimeoutError:
            await self.kill()
            raise WorkerError(
                f"the model was not loaded in {self.settings.load_seconds:g} s"
            ) from None
        except asyncio.CancelledError:
            await self.kill()
            raise
        if message["kind"] != "hello":
            await self.kill()
            raise WorkerError(message["reason"])
        self.facts = message["facts"]

    async def ask(
        self, task: str, products: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> Message:
        """The answers for `products`: {"answers": one a product, "seconds"}.

        Raises:
            WorkerError: the worker ended, or took longer than it may; it is then killed.
        """
        if not self.alive:
            raise WorkerError("the model worker has ended")
        assert self._process is not None
        assert self._process.stdin is not None
        self._reply = asyncio.get_running_loop().create_future()
        request = {"task": task, "products": list(products), "options": dict(options)}
        try:
            self._process.stdin.write(pack(request))
            await self._process.stdin.drain()
            return await asyncio.wait_for(self._reply, self.settings.batch_seconds)
        except (TimeoutError, OSError) as error:
            await self.kill()
            raise WorkerError(f"the model worker hung or ended ({type(error).__name__})") from None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def silent_seconds(self) -> float:
        """How long ago it was last heard of."""
        return time.monotonic() - self._heard

    @property
    def resident_bytes(self) -> int | None:
        """The memory that it holds; None where the system does not tell."""
        if self._process is None:
            return None
        with suppress(OSError, ValueError, IndexError):
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return None

    async def close(self) -> None:
        """Let it finish what it computes, and end."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        # it ends by itself at the end of its input
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            await self.kill()
        await self._stop_reading()

    async def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            # a stopped process heeds no other signal
            self._process.kill()
        await self._process.wait()
        await self._stop_reading()

    async def _stop_reading(self) -> None:
        reader = self._reader
        if reader is not None and reader is not asyncio.current_task():
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _read(self) -> None:
        """Hand on what the process says, until it ends."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while True:
                message = await receive_frame(self._process.stdout)
                self._heard = time.monotonic()
                if message["kind"] != "beat":
                    self._settle(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._process.wait()
        finally:
            if self._reply is not None and not self._reply.done():
                code = self._process.returncode
                self._reply.set_exception(WorkerError(f"the model worker ended with code {code}"))

    def _settle(self, message: Message) -> None:
        # who waited may have gone
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(message)


def _environment() -> dict[str, str]:
    """The environment of a worker: one thread, and our modules wherever the service found them."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": paths}
