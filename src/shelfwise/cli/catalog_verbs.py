"""Verbs about catalogues: init, inspect, fetch, sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shelfwise.cli.options import (
    CatalogConfig,
    CatalogPath,
    ConfigFile,
    Json,
    MinCount,
    label_changes,
)
from shelfwise.cli.terminal import print_json, print_result, terminal_context
from shelfwise.core.counted import counted

OPEN_QUESTIONS = 3
"""Exit code of ``init`` where the settings file waits for an answer."""


def init(
    catalog: CatalogPath,
    out: Annotated[
        Path, typer.Option(metavar="FILE.toml", help="The settings file to write.")
    ] = Path("shelfwise.toml"),
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take the likelier of two readings.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the settings file if it exists.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a settings file for a catalogue, and show how it is read.

    The file is for `train --config`. It asks only where it is unsure, and only on a terminal. Exit code 3: a
    question is open; it stands in the settings file.
    """
    import sys

    from shelfwise.catalog.reading.reading_summary import reading_lines
    from shelfwise.commands.init import Question, init_settings

    # an answer that came by a pipe was meant for something else
    terminal = sys.stdin.isatty() and not as_json

    def ask(question: Question) -> int | None:
        if yes and question.likeliest:
            return 0
        return _ask_person(question.text, question.choices) if terminal and not yes else None

    found = init_settings(catalog, out, ask, terminal_context, overwrite)
    if as_json:
        print_json(found)
    else:
        for line in reading_lines(found):
            typer.echo(line)
        for question in found["open_questions"]:
            typer.echo(f"open question: {question}")
        first = "answer the question in it, then" if found["open_questions"] else "next"
        typer.echo(f"written: {out}; {first}: shelfwise train {catalog} --config {out} --out MODEL")
    if found["open_questions"]:
        raise typer.Exit(OPEN_QUESTIONS)


def _ask_person(text: str, choices: Sequence[str]) -> int:
    """The place of the choice that a person makes; the first on Enter."""
    typer.echo(text)
    for place, choice in enumerate(choices, start=1):
        typer.echo(f"  {place}. {choice}")
    while True:
        number: int = typer.prompt("Number", default=1, type=int)
        if 1 <= number <= len(choices):
            return number - 1
        typer.echo(f"expected a number from 1 to {len(choices)}, found {number}")


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
    """Check a catalogue: what it has, and what is rejected and why."""
    from shelfwise.catalog.reading.reading_summary import reading_lines
    from shelfwise.commands.inspect import inspect_catalog
    from shelfwise.config import Config

    settings = Config.load(None, config, label_changes(min_count), default="everything")
    with terminal_context(settings.seed) as context:
        found = inspect_catalog(catalog, out, settings, context)
    if as_json:
        print_json(found)
        return
    for line in reading_lines(found):
        typer.echo(line)
    _print_images(found["images"])
    if found["note"]:
        typer.echo(f"note: {found['note']}")
    counts = found["statistics"]
    typer.echo(
        f"{counted(counts['products'], 'product')} with {counted(counts['classes'], 'label')}; "
        f"report: {out / 'index.html'}"
    )


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


def fetch(
    catalog: CatalogPath,
    images: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the images; below the catalogue's folder."),
    ],
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="A host that may be asked: cdn.shop.com or *.shop.com. Can be repeated.",
        ),
    ] = None,
    allow_private: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST", help="As --allow, for a host with a private address, as in an intranet."
        ),
    ] = None,
    config: CatalogConfig = None,
    max_mb: Annotated[
        int, typer.Option(metavar="N", min=1, max=50, help="Megabytes an image may have.")
    ] = 20,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds a request may take.")
    ] = 30.0,
    parallel: Annotated[
        int, typer.Option(metavar="N", min=1, max=32, help="Requests to one host at a time.")
    ] = 4,
    delay: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Seconds between two requests to one host.")
    ] = 0.1,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for what failed for good before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch images that a catalogue names by URL, from allowed hosts. Rerun to resume."""
    from shelfwise.commands.fetch import fetch_images, outcome_lines
    from shelfwise.config import Config
    from shelfwise.fetching.allowlist import Allowlist
    from shelfwise.fetching.download import Limits

    settings = Config.load(file=config)
    allowlist = Allowlist.of(allow or (), allow_private or ())
    limits = Limits(max_mb * 1_000_000, seconds, parallel, delay)
    with terminal_context() as context:
        found = fetch_images(
            catalog, images, allowlist, settings.catalog, context, limits, retry_failed=retry_failed
        )
    print_result(found, outcome_lines(found), as_json)


def sample(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the catalogue.")],
    products: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of products to generate.")
    ] = 3000,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Another seed: other products.")
    ] = 0,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Texts only: much faster.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a generated catalogue to try things on. The same seed gives the same products."""
    from shelfwise.commands.sample import sample_catalog

    with terminal_context() as context:
        found = sample_catalog(out, products, seed, not no_images, context)
    lines = [
        f"{found['products']:,} products in {found['lines']:,} lines: {found['catalog']}",
        f"which products are near-copies of others: {found['near_copies']}",
    ]
    print_result(found, lines, as_json)


VERBS = (init, inspect, fetch, sample)
