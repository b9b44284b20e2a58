"""``shelfwise review``: serve the page on which people decide about a catalogue's products."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from shelfwise.commands.review_products import review_products
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.errors import ConfigError
from shelfwise.export.loading import open_model
from shelfwise.review.app import create_review_app, review_access
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.reasons import Reasons
from shelfwise.review.retraining.learning import Sources
from shelfwise.review.retraining.model_changes import ModelChanges
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Sessions, Visitor

KEEP_ALIVE_SECONDS = 60


@dataclass(frozen=True)
class ReviewDoor:
    """Where the page listens, and for whom one-time addresses are made.

    Args:
        port: 0 takes any that is free.
        leads, reviewers: names; every person gets an address of their own.
    """

    port: int = 8001
    leads: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


def decisions_file(catalog: Path) -> Path:
    """Where decisions about a catalogue are kept, if nothing else is asked for: beside it."""
    return catalog.with_name(f"{catalog.name}.decisions.db")


def review(
    sources: Sources,
    decisions: Path,
    door: ReviewDoor,
    context: Context,
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Serve the review page on this machine until Ctrl+C or SIGTERM.

    Args:
        sources: model and catalogues.
        decisions: the file of all decisions; it is made where there is none.
        tell: is told the one-time addresses, and how many products wait.

    Raises:
        StorageError: another process reviews with the same file, or it cannot be written.
        ConfigError: the port is taken, or one name is both a lead's and a reviewer's.
    """
    visitors = _visitors(door)
    # before the model is loaded: the commonest mistake is a second start
    listening = _bind(door.port)
    with listening, claimed(decisions):
        store = DecisionStore(decisions)

        def suggest(folder: Path, context: Context) -> ReviewProducts:
            return review_products(folder, open_model(folder), sources.catalog, context)

        products = suggest(sources.model, context)
        workspace = Workspace(products, store)
        changes = ModelChanges(workspace, sources, suggest, context)
        reasons = Reasons(sources.model, context)
        sessions = Sessions()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        people = [
            {"name": one.name, "role": one.role, "address": address + sessions.one_time_path(one)}
            for one in visitors
        ]
        app = create_review_app(workspace, review_access(sessions), changes, reasons)
        tell(
            {
                "address": f"{address}/review",
                "people": people,
                "products": len(products),
                "automatic": int(products.automatic.sum()),
                "decided": workspace.queues.progress("search", store.current())[0],
                "decisions": str(decisions),
            }
        )
        try:
            _serve(app, listening)
        finally:
            # a training that is under way ends with the review
            changes.close()
            store.close()


def _serve(app: Any, listening: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _visitors(door: ReviewDoor) -> list[Visitor]:
    """Everyone an address is made for: without names, who started it is the lead.

    Raises:
        ConfigError: a name occurs twice.
    """
    leads = door.leads or (_own_name(),)
    names = [*leads, *door.reviewers]
    if len(set(names)) < len(names):
        raise ConfigError("a name of --lead or --reviewer occurs twice; names tell who decided")
    found = [Visitor(name, "lead") for name in leads]
    return found + [Visitor(name, "reviewer") for name in door.reviewers]


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # a container may run as a number without a name
        return "lead"


def _bind(port: int) -> socket.socket:
    """A socket of this machine only.

    Raises:
        ConfigError: the port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        # from now on browsers wait instead of being refused: the address is told before the first is served
        bound.listen()
    except OSError as error:
        bound.close()
        fix = "stop what uses it, or choose another with --port (0 takes any that is free)"
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}; {fix}") from None
    return bound
