"""Runs a service on a socket: its signals, its end, and its change of model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI

from shelfwise.errors import ShelfwiseError
from shelfwise.service.engine.engine import Engine
from shelfwise.service.requests.connection_limits import LimitedConnection

log = logging.getLogger("shelfwise")

BACKLOG = 2048
"""Connections that may wait for the service to take them."""

TAKEN_PER_TURN = 8
"""Connections that a turn of the event loop takes."""

KEEP_ALIVE_SECONDS = 60
"""Longer than clients reuse a connection: with 5 s some requests met a closing one."""

CLOSE_SECONDS = 5
"""How long answers may take to be sent, at the end."""


class ServerError(ShelfwiseError):
    """The service cannot run: its port is taken, or its model cannot be loaded."""


class _Server(uvicorn.Server):
    """Uvicorn without its signals: it would stop listening before anyone is told."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave all signals as they are."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens, and on which nobody else does; port 0 takes any.

    Raises:
        ServerError: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        # from now on callers wait instead of being refused: the address is told before the first is served
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        fix = "stop what uses it, or choose another with --port (0 takes any that is free)"
        raise ServerError(f"cannot listen on {host} port {port}: {error.strerror}; {fix}") from None
    return bound


def http_address(host: str, port: int) -> str:
    """Where browsers find a service of this machine; an IPv6 address stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    app: FastAPI,
    engine: Engine,
    listening: socket.socket,
    started: Callable[[], None],
    loaded: Callable[[], None],
) -> None:
    """Serve until SIGTERM or Ctrl+C, then tell so, finish what waits, and return.

    Args:
        started: called once it listens; the model is still loading.
        loaded: called once the model answers.

    Raises:
        ServerError: the model cannot be loaded.
    """
    # the loop of the standard library answers a third fewer products a second
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(app, engine, listening, started, loaded))
    if engine.failure is not None:
        raise ServerError(f"the model cannot be loaded: {engine.failure}")


def server_config(app: Any, close_seconds: int) -> uvicorn.Config:
    """How the service and the review page treat connections.

    Args:
        close_seconds: how long answers may take to be sent, at the end.
    """
    return uvicorn.Config(
        app,
        http=LimitedConnection,
        # there are none; uvicorn would tell who asks for one to install a library
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=close_seconds,
    )


async def _run(
    app: FastAPI,
    engine: Engine,
    listening: socket.socket,
    started: Callable[[], None],
    loaded: Callable[[], None],
) -> None:
    server = _Server(server_config(app, CLOSE_SECONDS))
    loop = asyncio.get_running_loop()
    ending: set[asyncio.Task[None]] = set()

    def end() -> None:
        # a second signal does not wait
        if ending:
            server.should_exit = True
            return
        ending.add(loop.create_task(_end(engine, server)))

    def stop_at_once() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, _reload, engine, engine.folder)
    engine.start(stop_at_once, loaded)
    started()
    # a turn of uvloop takes one connection from each socket; under load turns are long, and new callers
    # would wait for seconds
    copies = [listening.dup() for _ in range(TAKEN_PER_TURN - 1)]
    await server.serve(sockets=[listening, *copies])


async def _end(engine: Engine, server: uvicorn.Server) -> None:
    """Tell that no more should be sent, wait until that is heard, finish what waits, stop listening."""
    engine.draining = True
    engine.metrics.draining.set(1)
    await asyncio.sleep(engine.settings.drain_delay_seconds)
    await engine.drain()
    server.should_exit = True


def _reload(engine: Engine, folder: Path) -> None:
    """Change to the model that now stands where the first one stood."""
    try:
        engine.change_model(folder)
    except Exception as error:
        log.error("the model was not changed: %s", error)
