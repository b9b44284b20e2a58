"""``shelfwise review``: serve the page on which people decide about a catalogue's products."""

from __future__ import annotations

import getpass
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from shelfwise.catalog.reading.source_file import check_file
from shelfwise.catalog.shards.manifest import is_sharded
from shelfwise.commands.review_products import review_products
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.errors import ConfigError
from shelfwise.export.loading import open_model
from shelfwise.review.app import create_review_app, review_access
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.people import People
from shelfwise.review.reasons import Reasons
from shelfwise.review.retraining.learning import Sources
from shelfwise.review.retraining.model_changes import ModelChanges
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.host_names import host_name, is_loopback, sent_name
from shelfwise.service.access.sessions import Sessions, Visitor
from shelfwise.service.server import bind, http_address, server_config

CLOSE_SECONDS = 3
"""How long answers may take to be sent, at the end."""


@dataclass(frozen=True)
class ReviewEndpoint:
    """Where the page listens, and for whom one-time addresses are made.

    Args:
        host: the address to listen on.
        port: 0 takes any that is free.
        address: how browsers reach it, where that is not this machine's own address.
        leads, reviewers: names; every person gets an address of their own.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    address: str | None = None
    leads: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


def decisions_file(catalog: Path) -> Path:
    """Where decisions about a catalogue are kept, if nothing else is asked for: beside it."""
    return catalog.with_name(f"{catalog.name}.decisions.db")


def review(
    sources: Sources,
    decisions: Path,
    endpoint: ReviewEndpoint,
    context: Context,
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Serve the review page until Ctrl+C or SIGTERM.

    Args:
        sources: model and catalogues.
        decisions: the file of all decisions; it is made where there is none.
        tell: is told the one-time addresses, and how many products wait.

    Raises:
        StorageError: another process reviews with the same file, or it cannot be written.
        ServerError: the port is taken.
        CatalogError: the catalogue of the training is not there.
        ConfigError: one name is both a lead's and a reviewer's, or the address is none.
    """
    given = checked_address(endpoint)
    # nobody is to learn of it from a training that they wait for
    if sources.training is not None and not is_sharded(sources.training):
        check_file(sources.training)
    # before the model is loaded: the commonest mistake is a second start
    listening = bind(endpoint.host, endpoint.port)
    with listening, claimed(decisions):
        own_address = http_address(*listening.getsockname()[:2])
        address = given or own_address
        people = People(address, Sessions(https=address.startswith("https:")), _visitors(endpoint))
        store = DecisionStore(decisions)

        def suggest(folder: Path, context: Context) -> ReviewProducts:
            return review_products(folder, open_model(folder), sources.catalog, context)

        products = suggest(sources.model, context)
        workspace = Workspace(products, store)
        changes = ModelChanges(workspace, sources, suggest, context)
        reasons = Reasons(sources.model, context)
        hosts = frozenset({host_name(urlsplit(address).netloc)})
        access = review_access(people.sessions, hosts)
        app = create_review_app(workspace, access, changes, reasons, people)
        tell(
            {
                "address": f"{address}/review",
                "listening": own_address,
                "people": [
                    {"name": one.name, "role": one.role, "address": people.one_time_address(one)}
                    for one in people.all()
                ],
                "products": len(products),
                "automatic": int(products.automatic.sum()),
                "decided": workspace.queues.progress("search", store.current())[0],
                "decisions": str(decisions),
                "notes": _notes(address),
            }
        )
        try:
            _serve(app, listening)
        finally:
            # a training that is under way ends with the review
            changes.close()
            store.close()


def _serve(app: Any, listening: socket.socket) -> None:
    server = uvicorn.Server(server_config(app, CLOSE_SECONDS))
    with _stopped_by_a_closed_terminal(server):
        server.run(sockets=[listening])


@contextmanager
def _stopped_by_a_closed_terminal(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGHUP stop `server` in order: uvicorn does so with SIGINT and SIGTERM only."""
    closed: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        closed.append(number)
        server.should_exit = True

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGHUP)
    # with nohup it goes on; python lets no other thread set what a signal does
    if not is_main or before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGHUP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
    # as uvicorn does with those that it handled: whoever called knows what follows
    if closed:
        signal.raise_signal(signal.SIGHUP)


def _notes(address: str) -> list[str]:
    """What people should know of the address."""
    parts = urlsplit(address)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return []
    return [
        "this address is plain HTTP: whoever reads the network on the way can decide in these names. "
        "Outside a network that you trust, put a proxy with HTTPS in front of it."
    ]


def _visitors(endpoint: ReviewEndpoint) -> list[Visitor]:
    """Everyone an address is made for: without names, who started it is the lead."""
    leads = endpoint.leads or (_own_name(),)
    found = [Visitor(name, "lead") for name in leads]
    return found + [Visitor(name, "reviewer") for name in endpoint.reviewers]


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # a container may run as a number without a name
        return "lead"


def checked_address(endpoint: ReviewEndpoint) -> str | None:
    """How browsers reach the review, without a path; None where only this machine does.

    Raises:
        ConfigError: it is no such address, or others can reach the page and nobody said by which.
    """
    if endpoint.address is None:
        if is_loopback(endpoint.host):
            return None
        raise ConfigError(
            f"{endpoint.host} can be reached from other machines; say how people open the page "
            "there: --address https://NAME"
        )
    found = _origin(endpoint.address)
    if found is None:
        raise ConfigError(
            f"--address {endpoint.address!r} must be http:// or https:// and a name, and a port where "
            "there is one: https://review.example.com"
        )
    return found


def _origin(address: str) -> str | None:
    """Scheme, name and port of an address that has nothing else; None for any other text."""
    try:
        parts = urlsplit(address)
        # a port that is no number tells so only when it is asked for
        port = parts.port
    except ValueError:
        return None
    further = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    name = sent_name(parts.hostname or "")
    if parts.scheme not in ("http", "https") or name is None or port == 0 or further:
        return None
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")
