"""Verbs for catalogues of any size: ingest, label."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shelfwise.cli.options import (
    INCOMPLETE,
    CatalogConfig,
    Json,
    ModelPath,
    NoveltyRate,
    TargetPrecision,
    Workers,
)
from shelfwise.cli.terminal import print_result, terminal_context


class Engine(StrEnum):
    """Who starts the workers of ``label``."""

    local = "local"
    ray = "ray"


class PartFormat(StrEnum):
    """How the parts of ``label`` are written."""

    jsonl = "jsonl"
    parquet = "parquet"


Out = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="A new folder, or that of a run that was stopped; or s3://BUCKET/PREFIX.",
    ),
]


def ingest(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Catalogue files, folders of them, or patterns in quotes; or places in object stores, "
            "such as s3://BUCKET/PREFIX.",
        ),
    ],
    out: Out,
    config: CatalogConfig = None,
    shard_rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="Products of a shard, or some thousand more.")
    ] = 20_000,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Check files of any size and write their products as shards.

    Every verb takes these as CATALOG. Rerun the same command to resume. Exit code 4: a file could not be
    read to its end; the others were.
    """
    from shelfwise.commands.ingest import ingest as ingest_files
    from shelfwise.commands.ingest import summary_lines
    from shelfwise.config import Config

    settings = Config.load(file=config, default="everything")
    with terminal_context() as context:
        found = ingest_files(source, out, settings.catalog, context, shard_rows, workers)
    print_result(found, summary_lines(found), as_json)
    if found["faults"]:
        raise typer.Exit(INCOMPLETE)


def label(
    model: ModelPath,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="What `shelfwise ingest` wrote, in a folder or at s3://BUCKET/PREFIX; or files, "
            "ingested first.",
        ),
    ],
    out: Out,
    engine: Annotated[
        Engine, typer.Option(help="Who starts the workers: this machine, or a Ray cluster.")
    ] = Engine.local,
    workers: Workers = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Write only the N highest scores; default: all, or 20 of more than 200 labels.",
        ),
    ] = None,
    part_format: Annotated[
        PartFormat, typer.Option("--format", help="How the parts are written.")
    ] = PartFormat.jsonl,
    target_precision: TargetPrecision = None,
    novelty_rate: NoveltyRate = None,
    as_json: Json = False,
) -> None:
    """Label a catalogue of any size by several workers.

    Each shard gives one part. Rerun to resume. Exit code 4: a shard or a record could not be labelled, or a
    file not read; the others were.
    """
    from shelfwise.commands.label import label as label_shards
    from shelfwise.commands.label import summary_lines
    from shelfwise.scale.plan import LabelSettings

    settings = LabelSettings(part_format.value, top, target_precision, novelty_rate)
    with terminal_context() as context:
        found = label_shards(model, source, out, context, settings, engine.value, workers)
    print_result(found, summary_lines(found), as_json)
    if found["failed"] or found["quarantined"] or found["faults"]:
        raise typer.Exit(INCOMPLETE)


VERBS = (ingest, label)
