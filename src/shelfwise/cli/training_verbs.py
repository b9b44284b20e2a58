"""Verbs that fit and measure models: train, evaluate, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfwise.cli.options import (
    INCOMPLETE,
    CatalogPath,
    ConfigFile,
    Json,
    MinCount,
    ModelPath,
    Preset,
    TestCatalog,
    Workers,
    label_changes,
)
from shelfwise.cli.terminal import print_json, print_result, terminal_context
from shelfwise.cli.torchrun import on_all_processes
from shelfwise.core.counted import counted_kinds
from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE, trusted_key
from shelfwise.errors import ConfigError

if TYPE_CHECKING:
    from shelfwise.config import Config


@on_all_processes
def train(
    catalog: CatalogPath,
    out: Annotated[
        Path, typer.Option(metavar="MODEL", help="Folder for the model and its report.")
    ],
    test: TestCatalog = None,
    preset: Preset = None,
    config: ConfigFile = None,
    min_count: MinCount = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time limit for fitting: 2m, 30m or 8h. Chooses the preset and its members.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labels that people decided on (.jsonl or .csv)."),
    ] = None,
    further: Annotated[
        Path | None,
        typer.Option(
            metavar="CATALOG", help="Further training products, in a file written like CATALOG."
        ),
    ] = None,
    leave_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Ids of products that nothing is learned from (.jsonl or .csv)."
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="Train with the settings of this model, not with a preset's."
        ),
    ] = None,
    compare_with: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="An older model: show what has changed on the test products."
        ),
    ] = None,
    keep_out: Annotated[
        bool,
        typer.Option(
            "--keep-out",
            help="Save the model that was scored, without fitting it again on all products.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a model on a catalogue and write its report."""
    from shelfwise.commands.train import train as run
    from shelfwise.evaluation.before_after import compare_with_saved, open_older_model
    from shelfwise.training.further_files import FurtherFiles
    from shelfwise.training.time_budget import parse_duration

    changes: dict[str, Any] = label_changes(min_count)
    if budget is not None:
        changes["budget"] = parse_duration(budget)
    if keep_out:
        changes["refit"] = False
    settings = _settings(preset, config, like, changes)
    beside = FurtherFiles(corrections, further, leave_out)
    # refused before the training: the model that it writes cannot be signed yet
    if compare_with is not None and trusted_key() is not None:
        raise ConfigError(
            "--compare-with loads the new model, which nobody has signed yet, and a public key demands "
            f"signatures; leave --public-key and {PUBLIC_KEY_VARIABLE} out here"
        )
    # before the training, which takes long and may replace it
    older = None if compare_with is None else open_older_model(compare_with)
    with terminal_context(settings.seed) as context:
        results = run(catalog, out, settings, test, resume, context, beside)
        changed = None
        if older is not None:
            changed = compare_with_saved(older, out, test or catalog, context)
    where = {
        "model": str(out),
        "catalog": str(catalog),
        "report": _written(out / "report" / "index.html"),
        "results": _written(out / "report" / "results.json"),
    }
    if as_json:
        shown = {name: results[name] for name in ("decide_with", "seconds", "systems")}
        print_json(
            {
                **where,
                **shown,
                "quarantined": results["data"]["quarantined"],
                "refused": {part: len(listed) for part, listed in results["refused"].items()},
                "notes": results["notes"],
                "corrections": results["data"]["corrections"],
                "before_after": changed,
            }
        )
        return
    _print_results(results, out)
    _print_changes(results["data"]["corrections"], changed)
    # a note has told why there is no page
    page = f"\nreport: {where['report']}" if where["report"] else ""
    typer.echo(f"{results['seconds']:.0f} seconds{page}")


def evaluate(
    model: ModelPath,
    catalog: Annotated[
        str,
        typer.Argument(
            metavar="CATALOG",
            help="Catalogue file; or what `shelfwise ingest` wrote, in a folder or at s3://BUCKET/PREFIX.",
        ),
    ],
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Measure a model on products whose categories are known.

    An ingested catalogue is shared among --workers. Exit code 4: a record of it was not evaluated, or a
    file of it not read to its end.
    """
    from shelfwise.commands.evaluate import evaluate as measured
    from shelfwise.evaluation.summed_figures import figure_lines

    with terminal_context() as context:
        figures = measured(model, catalog, context, workers)
    print_result(figures, figure_lines(figures), as_json)
    if figures["faults"]:
        raise typer.Exit(INCOMPLETE)


@on_all_processes
def compare(
    catalog: CatalogPath,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder for the leaderboard. Rerun with the same folder to resume."
        ),
    ],
    test: TestCatalog = None,
    systems: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="all, or names separated by commas. image@24 trains the last 24 layers of image.",
        ),
    ] = "all",
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose systems: everything (the default), recommended, quick, best, paper or authors_code.",
        ),
    ] = None,
    config: ConfigFile = None,
    min_count: MinCount = None,
    as_json: Json = False,
) -> None:
    """Fit many systems on one split; rank them by accuracy and cost."""
    from shelfwise.commands.compare import compare as run
    from shelfwise.commands.selected_systems import select_systems
    from shelfwise.config import Config
    from shelfwise.reports.leaderboard import leaderboard_markdown

    settings = Config.load(preset, config, label_changes(min_count), default="everything")
    settings = select_systems(settings, [name.strip() for name in systems.split(",")])
    with terminal_context(settings.seed) as context:
        results = run(catalog, out, settings, test, context)
    where = {
        "report": str(out / "index.html"),
        "results": str(out / "results.json"),
        "leaderboard": str(out / "leaderboard.md"),
    }
    if as_json:
        shown = {
            "order": results["leaderboard"],
            "seconds": results["seconds"],
            "systems": results["systems"],
            "quarantined": results["data"]["quarantined"],
            "refused": {part: len(listed) for part, listed in results["refused"].items()},
        }
        print_json({**where, **shown})
        return
    typer.echo(f"{leaderboard_markdown(results)}\nreport: {where['report']}")


def _written(file: Path) -> str | None:
    """Where a file of the report is; None where it could not be written."""
    return str(file) if file.is_file() else None


def _settings(
    preset: str | None, file: Path | None, like: Path | None, changes: dict[str, Any]
) -> Config:
    """The settings of a training: those of the model `like`, or a preset's with `file` over them.

    Raises:
        ConfigError: two of them were asked for, or a preset that `file` contradicts.
    """
    from shelfwise.config import Config

    budget = changes.get("budget")
    if like is not None:
        from shelfwise.model.bundle import load_bundle

        # a budget chooses the preset
        if any(given is not None for given in (preset, file, budget)):
            raise ConfigError("give --like alone, without --preset, --config and --budget")
        return Config.parse(load_bundle(like).config).changed(changes)
    if budget is None:
        return Config.load(preset, file, changes)
    return Config.load(preset, file, changes, default=Config.preset_within(budget))


def _print_results(results: dict[str, Any], out: Path) -> None:
    """All systems, the notes and the final system."""
    from shelfwise.reports.paper_tables import product_counts, refit_sentence, run_table

    data = results["data"]
    typer.echo(f"{product_counts(data)}; {data['labels']} labels\n")
    typer.echo(f"{run_table(results)}\n")
    for sentence in data["reading"]:
        typer.echo(f"read: {sentence}")
    for note, count in data["notes"].items():
        typer.echo(f"note: {count} x {note}")
    _print_left_out(results, out)
    for note in results["notes"]:
        typer.echo(f"note: {note}")
    refitted = refit_sentence(results)
    if refitted:
        typer.echo(f"note: {refitted}")
    best = results["systems"][results["decide_with"]]
    tuned = f"{best['micro_f1_tuned']:.1%} (tuned threshold)"
    figures = f"micro-F1 {best['micro_f1']:.1%} (threshold 0.5), {tuned}"
    macro = f"macro-F1 {best['macro_f1_tuned']:.1%}"
    typer.echo(f"saved {out}; final system: {results['decide_with']}, {figures}, {macro}")


def _print_left_out(results: dict[str, Any], out: Path) -> None:
    """Records that could not be read, and fields that could not be used."""
    data = results["data"]
    for name, count in data["quarantined"].items():
        if count:
            listed = counted_kinds(data["quarantine_kinds"][name])
            typer.echo(f"quarantined: {count:,} records of the {name} ({listed}): {out / 'report'}")
    for part, listed in results["refused"].items():
        if listed:
            where = out / "report" / "refused.jsonl"
            typer.echo(f"refused: {len(listed)} fields of {part} products: {where}")


def _print_changes(corrections: dict[str, Any] | None, changed: dict[str, Any] | None) -> None:
    """What corrections did, and what retraining changed."""
    from shelfwise.evaluation.before_after import before_after_markdown

    if corrections is not None:
        kinds = ("changed", "confirmed", "undecided")
        counts = ", ".join(f"{corrections[kind]} products {kind}" for kind in kinds)
        typer.echo(f"corrections: {counts}")
    if changed is not None:
        typer.echo(f"\n{before_after_markdown(changed)}\n")


VERBS = (train, evaluate, compare)
