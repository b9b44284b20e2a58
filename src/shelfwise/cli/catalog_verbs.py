"""Verbs that need no model: inspect, plugins, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shelfwise.cli.options import CatalogPath, ConfigFile, Json, MinCount, label_changes
from shelfwise.cli.terminal import print_json, terminal_context


def inspect(
    catalog: CatalogPath,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for index.html, inspect.json, figure_2.svg and quarantine.jsonl.",
        ),
    ],
    config: ConfigFile = None,
    min_count: MinCount = None,
    as_json: Json = False,
) -> None:
    """Check a catalogue before training: what it has, what is missing, what was rejected and why."""
    from shelfwise.commands.inspect import inspect_catalog
    from shelfwise.config import Config

    settings = Config.load("everything", config, label_changes(min_count))
    with terminal_context(settings.seed) as context:
        found = inspect_catalog(catalog, out, settings, context)
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"{found['records']} records: {found['accepted']} accepted, {found['quarantined']} quarantined"
    )
    for reason, count in found["reasons"].items():
        typer.echo(f"  {count} x {reason}")
    _print_reading(found)
    counts = found["statistics"]
    typer.echo(
        f"{counts['products']} products with {counts['classes']} labels; report: {out / 'index.html'}"
    )


def _print_reading(found: dict[str, Any]) -> None:
    """Which column became which field, how categories and prices are read, and the first products."""
    columns = ", ".join(f"{field} = {column}" for field, column in found["columns"].items())
    typer.echo(f"columns: {columns}")
    for sentence in found["evidence"]:
        typer.echo(f"  {sentence}")
    for note, count in found["notes"].items():
        typer.echo(f"note: {count} x {note}")
    _print_images(found["images"])
    for product in found["first_products"]:
        typer.echo(f"  {product['id']}  {product['title'] or '(no title)'}  {product['labels']}")
    if found["note"]:
        typer.echo(f"note: {found['note']}")


def _print_images(images: dict[str, Any]) -> None:
    """How many images there are, how many can be used, and why others cannot."""
    if not images["named"]:
        return
    typer.echo(
        f"images: {images['named']} products name one; of {images['looked_at']} tried, "
        f"{images['found']} exist and {images['opened']} can be used"
    )
    for reason, count in images["reasons"].items():
        typer.echo(f"  {count} x {reason}")
    if images["first_frame"]:
        typer.echo(f"  {images['first_frame']} x an animation or several pages: the first is used")


def plugins(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A plug-in whose settings to show.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List modalities and fusion policies, or show every setting of one."""
    from shelfwise.commands.plugins import list_plugins, plugin_settings, settings_table

    if name is not None:
        described = plugin_settings(name)
        if as_json:
            print_json(described)
            return
        typer.echo(settings_table(described))
        return
    found = list_plugins()
    if as_json:
        print_json(found)
        return
    for kind, names in found.items():
        typer.echo(f"{kind}: {', '.join(names)}")


def doctor(as_json: Json = False) -> None:
    """Check the installation: libraries, weights, device, memory and disk."""
    from shelfwise.cli.terminal import cache_folder
    from shelfwise.commands.doctor import examine, report_lines

    found = examine(cache_folder())
    if as_json:
        print_json(found)
        return
    for line in report_lines(found):
        typer.echo(line)


VERBS = (inspect, plugins, doctor)
