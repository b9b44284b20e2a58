"""``shelfwise serve``: labels over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import disable_created_metrics

from shelfwise.errors import ConfigError
from shelfwise.model.bundle_reader import MANIFEST
from shelfwise.service.access.access_control import SIGN_IN, Access, Area
from shelfwise.service.access.host_names import LOOPBACK_HOSTS, allowed_host, is_loopback
from shelfwise.service.access.sessions import Role, Sessions, Visitor
from shelfwise.service.access.sign_in import sign_in_router
from shelfwise.service.app import create_app
from shelfwise.service.engine.engine import Engine
from shelfwise.service.seller_page import seller_router
from shelfwise.service.server import ServerError, bind, http_address, run
from shelfwise.service.settings import ServiceSettings


@dataclass(frozen=True)
class Endpoint:
    """Where a service listens, and to whom.

    Args:
        host: the address to listen on.
        port: 0 takes any that is free.
        allowed_hosts: names that the header ``Host`` may have, beside those of this machine.
        keys: sha256 of a key -> who holds it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    allowed_hosts: tuple[str, ...] = ()
    keys: Mapping[bytes, Visitor] | None = None

    @property
    def needs_key(self) -> bool:
        """Whether callers must send a key."""
        return any(visitor.role == "caller" for visitor in (self.keys or {}).values())


def serve(
    model: Path,
    endpoint: Endpoint,
    settings: ServiceSettings,
    started: Callable[[str], None],
    loaded: Callable[[str], None],
    models_root: Path | None = None,
) -> None:
    """Serve `model` until SIGTERM or Ctrl+C.

    Args:
        started: is told the address once it listens; callers wait while the model is loading.
        loaded: is told the address once the model answers.
        models_root: the folder whose models may be changed to over HTTP.

    Raises:
        ServerError: there is no model, or the port is taken.
        ConfigError: a network could reach it without a key.
    """
    access = access_of(endpoint)
    # told before a worker is started: the commonest mistake is another folder
    if not (model / MANIFEST).is_file():
        raise ServerError(
            f"{model} is not a shelfwise model: it has no {MANIFEST}; "
            "give the folder that `shelfwise train` wrote, or try --demo"
        )
    if models_root is not None and not models_root.is_dir():
        raise ServerError(f"--models-root {models_root} is no folder; make it, or leave it out")
    listening = bind(endpoint.host, endpoint.port)
    # Prometheus warns of the times at which counters were made; the process is ours, so they may go
    disable_created_metrics()  # type: ignore[no-untyped-call]
    engine = Engine(model, settings, models_root)
    pages = [seller_router(engine, needs_key=access.sessions is not None), sign_in_router(access)]
    app = create_app(engine, access, pages)
    address = http_address(endpoint.host, listening.getsockname()[1])
    run(app, engine, listening, lambda: started(address), lambda: loaded(address))


def access_of(endpoint: Endpoint) -> Access:
    """Who may call, for where the service listens.

    Raises:
        ConfigError: the address can be reached from elsewhere, and there is no key.
    """
    keys = dict(endpoint.keys or {})
    has_key = endpoint.needs_key
    if not has_key and not is_loopback(endpoint.host):
        raise ConfigError(
            f"{endpoint.host} can be reached from other machines, so callers need a key: set "
            "SHELFWISE_KEY, or SHELFWISE_KEY_FILE to a file with one"
        )
    callers: frozenset[Role] = frozenset({"caller", "admin"}) if has_key else frozenset()
    metrics: frozenset[Role] = callers | {"metrics"} if has_key else frozenset()
    areas = (
        Area("/", callers),
        Area("/metrics", metrics),
        # whoever may call may not change what is called
        Area("/v1/models", frozenset({"admin"})),
        # whoever has no session yet must be able to open one
        Area(SIGN_IN),
        Area("/seller.css"),
        Area("/colours.css"),
    )
    hosts = LOOPBACK_HOSTS | {allowed_host(name) for name in endpoint.allowed_hosts}
    # a key is asked of everyone, so that no page of a stranger gets in by another name
    if has_key and not endpoint.allowed_hosts:
        hosts = frozenset({"*"})
    return Access(hosts, keys, areas, Sessions() if has_key else None)
