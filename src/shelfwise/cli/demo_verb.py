"""The verb that shows everything on a generated catalogue: demo."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shelfwise.cli.options import Json
from shelfwise.cli.terminal import called_as, terminal_context
from shelfwise.cli.training_verbs import train


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the sample catalogue and the model.")
    ] = Path("shelfwise-demo"),
    products: Annotated[
        int, typer.Option(metavar="N", min=100, help="Number of products to generate.")
    ] = 3000,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time limit for fitting, as for train: 1m is enough."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on a generated sample catalogue and print the results. Takes about 4 minutes on two cores."""
    from shelfwise.catalog.sample import write_sample

    with terminal_context() as context:
        catalog = write_sample(out / "catalog", products, context=context)
    model = out / "model"
    train(catalog, model, budget=budget, as_json=as_json)
    if as_json:
        return
    called = called_as()
    typer.echo("\nNow open its pages. Each command prints an address:")
    typer.echo(f"  {called} serve {shlex.quote(str(model))}")
    typer.echo(f"  {called} review {shlex.quote(str(model))} {shlex.quote(str(catalog))}")


VERBS = (demo,)
