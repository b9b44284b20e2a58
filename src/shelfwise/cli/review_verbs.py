"""Verbs for people who decide: review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shelfwise.cli.options import DEMO_NOTE, Host, Json, OptionalModelPath, Port
from shelfwise.cli.terminal import print_json, terminal_context
from shelfwise.core.libraries import missing_library
from shelfwise.errors import ConfigError


def review(
    model: OptionalModelPath = None,
    catalog: Annotated[
        Path | None,
        typer.Argument(metavar="CATALOG", help="Catalogue whose products are reviewed."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Review a generated catalogue; needs no file.")
    ] = False,
    decisions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of all decisions. Default: CATALOG.decisions.db beside it."
        ),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(
            metavar="CATALOG",
            help="Catalogue that MODEL was trained on, to learn from decisions. Default: CATALOG itself.",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8001,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="How people on other machines open the page: https://review.example.com",
        ),
    ] = None,
    lead: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Who may also decide in bulk and export. Can be repeated."
        ),
    ] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who may decide one by one. Can be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Open a page on which people check and correct labels. No decision is ever lost."""
    if demo == (model is not None) or (not demo and catalog is None) or (demo and training):
        raise ConfigError("give MODEL and CATALOG, or --demo alone")
    try:
        from shelfwise.commands.review import ReviewEndpoint, decisions_file, review
        from shelfwise.review.retraining.learning import Sources
        from shelfwise.service.access.host_names import listening_host
    except ModuleNotFoundError as error:
        raise missing_library(error, "review", "the review page") from None
    listening = listening_host(host)
    endpoint = ReviewEndpoint(listening, port, address, tuple(lead or ()), tuple(reviewer or ()))
    with terminal_context() as context:
        if demo:
            from shelfwise.commands.demo_model import demo_model
            from shelfwise.commands.review_demo import demo_catalog, demo_model_copy

            typer.echo(DEMO_NOTE, err=True)
            made = demo_model(context)
            model = demo_model_copy(made)
            catalog = demo_catalog(made, context)
            training = made.catalog
        assert model is not None
        assert catalog is not None
        kept = decisions or decisions_file(catalog)
        review(Sources(model, catalog, training), kept, endpoint, context, _tell(as_json))


def _tell(as_json: bool) -> Any:
    """Tells where the page is, and for whom."""

    def tell(where: dict[str, Any]) -> None:
        if as_json:
            print_json(where)
            return
        typer.echo(
            f"{where['products']} products, {where['decided']} decided; "
            f"{where['automatic']} may be accepted without a person."
        )
        if not where["address"].startswith(where["listening"]):
            typer.echo(f"Listening on {where['listening']}, where a proxy passes requests on to.")
        typer.echo("Open in a browser (each address works once; Ctrl+C ends the review):")
        for person in where["people"]:
            typer.echo(f"  {person['name']} ({person['role']}): {person['address']}")
        typer.echo(f"Decisions are kept in {where['decisions']}")
        for note in where["notes"]:
            typer.echo(f"WARNING: {note}", err=True)

    return tell


VERBS = (review,)
