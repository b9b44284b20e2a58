"""Model workers, as the service sees them: processes that answer, and that may end, hang or be killed."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from shelfwise.core.one_thread import ONE_THREAD
from shelfwise.errors import ShelfwiseError
from shelfwise.service.engine.frames import FrameBuffer, Message, pack
from shelfwise.service.settings import ServiceSettings

log = logging.getLogger("shelfwise")


class WorkerError(ShelfwiseError):
    """A worker could not load its model, or has ended."""


class Worker(asyncio.SubprocessProtocol):
    """One process with the model.

    What it says is handled as it arrives. Streams would hand it on in two more turns of the loop, in which
    the worker has nothing to do; under load a turn is long.

    Args:
        folder: of the model.
        settings: how long it may be silent, load or compute.
    """

    def __init__(self, folder: Path, settings: ServiceSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.facts: dict[str, Any] = {}
        self._transport: asyncio.SubprocessTransport | None = None
        self._frames = FrameBuffer()
        self._heard = time.monotonic()
        self._reply: asyncio.Future[Message] | None = None
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Start the process and wait until its model is loaded and has labelled a product.

        Raises:
            WorkerError: the model cannot be loaded; what the worker said of it.
        """
        loop = asyncio.get_running_loop()
        self._reply = loop.create_future()
        command = (
            sys.executable,
            "-m",
            "shelfwise.service.engine.worker_process",
            str(self.folder),
        )
        await loop.subprocess_exec(lambda: self, *command, stderr=None, env=_environment())
        self._heard = time.monotonic()
        try:
            # a first reply that never comes must not hold up the start of the service
            message = await asyncio.wait_for(self._reply, self.settings.load_seconds)
        except TimeoutError:
            await self.kill()
            raise WorkerError(
                f"the model was not loaded in {self.settings.load_seconds:g} s"
            ) from None
        # whoever waited is gone, and nobody else would end the process
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
        self._reply = asyncio.get_running_loop().create_future()
        request = {"task": task, "products": list(products), "options": dict(options)}
        self._input.write(pack(request))
        try:
            # no task is made for it, as wait_for would
            async with asyncio.timeout(self.settings.batch_seconds):
                return await self._reply
        except TimeoutError:
            await self.kill()
            raise WorkerError("the model worker hung (TimeoutError)") from None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._transport is not None and not self._ended.is_set()

    @property
    def silent_seconds(self) -> float:
        """How long ago it was last heard of."""
        return time.monotonic() - self._heard

    @property
    def resident_bytes(self) -> int | None:
        """The memory that it holds; None where the system does not tell."""
        if self._transport is None:
            return None
        with suppress(OSError, ValueError, IndexError):
            pages = Path(f"/proc/{self._transport.get_pid()}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return None

    async def close(self) -> None:
        """Let it finish what it computes, and end."""
        if self._transport is None:
            return
        # it ends by itself at the end of its input
        self._input.close()
        try:
            await asyncio.wait_for(self._ended.wait(), 2)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._transport is None:
            return
        with suppress(ProcessLookupError):
            # a stopped process heeds no other signal
            self._transport.kill()
        await self._ended.wait()

    @property
    def _input(self) -> asyncio.WriteTransport:
        """Where the process reads what it is asked."""
        assert self._transport is not None
        return cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the process; called by the loop."""
        # the transports of uvloop are not of the classes of asyncio
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Handle what the process says; called by the loop."""
        self._heard = time.monotonic()
        for message in self._frames.add(data):
            # who waited may have gone
            if message["kind"] != "beat" and self._reply is not None and not self._reply.done():
                self._reply.set_result(message)

    def process_exited(self) -> None:
        """Note that the process has ended; called by the loop."""
        self._ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that there will be no answer; called by the loop, after all that was said."""
        assert self._transport is not None
        code = self._transport.get_returncode()
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(WorkerError(f"the model worker ended with code {code}"))


def _environment() -> dict[str, str]:
    """The environment of a worker: one thread, and our modules wherever the service found them."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": paths}
