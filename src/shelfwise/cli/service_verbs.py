"""Verbs that serve a model: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shelfwise.cli.options import DEMO_NOTE, Host, Json, OptionalModelPath, Port
from shelfwise.cli.terminal import print_json, terminal_context
from shelfwise.core.libraries import missing_library
from shelfwise.errors import ConfigError


def serve(
    model: OptionalModelPath = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve a small model that is trained first.")
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that callers use for it. Can be repeated."),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Model processes, of one thread each.")
    ] = 1,
    queue: Annotated[
        int, typer.Option(metavar="N", min=1, help="Products that may wait; more get a 429.")
    ] = 256,
    max_body: Annotated[
        int, typer.Option(metavar="BYTES", min=1000, help="Bytes that a request may have.")
    ] = 2_000_000,
    drain_delay: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=3600,
            help="How long it still takes requests after /readyz says no.",
        ),
    ] = 2.0,
    models_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder whose models the administrator may change to over HTTP."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer over HTTP: label, explain and find products. Keys are read from SHELFWISE_KEY."""
    if (model is None) != demo:
        raise ConfigError("give either a MODEL or --demo")
    try:
        from shelfwise.commands.serve import Endpoint, serve
    except ModuleNotFoundError as error:
        raise missing_library(error, "serve", "serving") from None
    from shelfwise.service.access.host_names import listening_host
    from shelfwise.service.access.keys import read_keys
    from shelfwise.service.settings import ServiceSettings

    endpoint = Endpoint(listening_host(host), port, tuple(allowed_host or ()), read_keys())
    settings = ServiceSettings(
        workers=workers,
        queue_products=queue,
        max_products=min(32, queue),
        max_body_bytes=max_body,
        drain_delay_seconds=drain_delay,
    )

    def started(address: str) -> None:
        if as_json:
            # a program waits for /readyz itself
            print_json({"address": address})
        else:
            typer.echo(f"Loading the model; {address} answers in some seconds.", err=True)

    def loaded(address: str) -> None:
        if not as_json:
            _print_how_to_ask(address, endpoint.needs_key)

    serve(model or _demo(), endpoint, settings, started, loaded, models_root)


def _demo() -> Path:
    """The folder of the demo's model."""
    from shelfwise.commands.demo_model import demo_model

    with terminal_context() as context:
        typer.echo(DEMO_NOTE, err=True)
        return demo_model(context).model


def _print_how_to_ask(address: str, needs_key: bool) -> None:
    """Where the service is, for people and for programs."""
    typer.echo(f"Open {address} to find categories as you type (Ctrl+C ends it).")
    typer.echo("Or ask from a program:")
    # the key itself is never printed
    key = ' -H "authorization: Bearer $SHELFWISE_KEY"' if needs_key else ""
    body = '{"products": [{"title": "Mug with a handle"}]}'
    asked = f"{address}/v1/categorize -H 'content-type: application/json'{key}"
    typer.echo(f"  curl {asked} -d '{body}'")


VERBS = (serve,)
