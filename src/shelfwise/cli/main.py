"""The command line. Imports stay inside the verbs, so that ``--help`` answers at once."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shelfwise.cli.terminal import say_json, terminal_context
from shelfwise.errors import ConfigError, ShelfwiseError

app = typer.Typer(help="Put every product on all of its right shelves.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)

CatalogPath = Annotated[Path, typer.Argument(metavar="CATALOG", help="JSONL, CSV, TSV, Parquet or Amazon file (.gz too).")]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `shelfwise train` wrote.")]
Preset = Annotated[str | None, typer.Option(help="recommended, quick, best, paper, authors_code or everything.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings laid over the preset.")]
MinCount = Annotated[int | None, typer.Option(min=1, help="Products a category needs to be learnt.")]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of words.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the sample catalogue and the model.")] = Path("shelfwise-demo"),
    as_json: Json = False,
) -> None:
    """Generate the sample catalogue, train on it, and say where the report is."""
    from shelfwise.catalog.sample import write_sample

    with terminal_context() as context:
        catalog = write_sample(out / "catalog", context=context)
    train(catalog, out / "model", preset="recommended", as_json=as_json)


@app.command()
def train(
    catalog: CatalogPath,
    out: Annotated[Path, typer.Option(metavar="MODEL", help="Folder for the model and its report.")],
    test: Annotated[Path | None, typer.Option(metavar="CATALOG", help="Products to score on; unset: a part of CATALOG.")] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    min_count: MinCount = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time for fitting, e.g. 2m, 30m or 8h: chooses preset and members.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a training that was broken off.")] = False,
    corrections: Annotated[Path | None, typer.Option(metavar="FILE", help="Labels decided on after an audit (.jsonl, .csv).")] = None,
    before: Annotated[Path | None, typer.Option(metavar="MODEL", help="An older model: what has changed since, on --test.")] = None,
    as_json: Json = False,
) -> None:
    """Learn from a catalogue; leave the model and a report with the paper's tables."""
    from shelfwise.commands.train import train as run
    from shelfwise.config import Config
    from shelfwise.evaluation.before_after import before_after_markdown
    from shelfwise.evaluation.retraining import compare_models_on_disk
    from shelfwise.reports.paper_tables import table_1, table_3
    from shelfwise.training.time_budget import parse_duration

    changes: dict[str, Any] = {"labels": {"min_count": min_count}} if min_count else {}
    if budget is not None:
        changes["budget"] = parse_duration(budget)
        preset = preset or Config.preset_within(changes["budget"])
    settings = Config.load(preset or "recommended", config, changes)
    with terminal_context(settings.seed) as context:
        results = run(catalog, out, settings, test, resume, context, corrections)
        changed = compare_models_on_disk(before, out, test or catalog, context) if before is not None else None
    where = {"model": str(out), "report": str(out / "report" / "index.html"), "results": str(out / "report" / "results.json")}
    if as_json:
        shown = {name: results[name] for name in ("decide_with", "seconds", "systems")}
        say_json({**where, **shown, "corrections": results["data"]["corrections"], "before_after": changed})
        return
    data = results["data"]
    tuned = f"{data['validation']} to tune on" if data["validation"] else "thresholds by cross-fitting"
    typer.echo(f"{data['train']} products to learn from, {tuned}, {data['test']} to test on; {data['labels']} categories\n")
    typer.echo(table_1(results) + "\n\n" + table_3(results) + "\n")
    for note in results["notes"]:
        typer.echo(f"note: {note}")
    best = results["systems"][results["decide_with"]]
    figures = f"{best['micro_f1']:.1%} at 0.5, {best['micro_f1_tuned']:.1%} tuned, macro-F1 {best['macro_f1_tuned']:.1%}"
    typer.echo(f"the model {out} decides with {results['decide_with']}: micro-F1 {figures}")
    if (mended := data["corrections"]) is not None:
        typer.echo(f"corrections: {mended['changed']} products changed, {mended['confirmed']} confirmed, {mended['undecided']} undecided")
    if changed is not None:
        typer.echo(f"\n{before_after_markdown(changed)}\n")
    typer.echo(f"it took {results['seconds']:.0f} s\nreport: {where['report']}")


@app.command()
def evaluate(model: ModelPath, catalog: CatalogPath, as_json: Json = False) -> None:
    """Score a model on products whose categories are known."""
    from shelfwise.commands.evaluate import score_catalog
    from shelfwise.export.loading import open_model

    with terminal_context() as context:
        figures = score_catalog(open_model(model), catalog, context)
    if as_json:
        say_json(figures)
    else:
        for name, value in figures.items():
            typer.echo(f"{name:18} {value:.4f}" if isinstance(value, float) else f"{name:18} {value}")


@app.command()
def predict(
    model: ModelPath,
    catalog: CatalogPath,
    out: Annotated[Path, typer.Option(metavar="FILE", help="FILE.jsonl or FILE.parquet: id, labels and scores of each product.")],
    precision: Annotated[float | None, typer.Option(help="Promise this precision (0.9, 0.95, 0.99): accept, review or reject.")] = None,
    abstain: Annotated[float | None, typer.Option(help="Set aside what belongs nowhere, at this share of false alarms: 0.05.")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Write a product's highest scores only, so many.")] = None,
    explain: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for a page that says why, of 12 products or of --id.")] = None,
    identities: Annotated[list[str] | None, typer.Option("--id", help="A product to explain; may be given again.")] = None,
    as_json: Json = False,
) -> None:
    """Label new products, and say why."""
    from shelfwise.commands.predict import predict_catalog, summary_lines
    from shelfwise.export.loading import open_model

    with terminal_context() as context:
        fitted = open_model(model)
        summary = {**predict_catalog(fitted, catalog, out, context, precision, abstain, top), "explained": None}
        if explain is not None:
            from shelfwise.commands.explain import explain_catalog

            summary["explained"] = explain_catalog(fitted, catalog, explain, context, identities or ())
    if as_json:
        say_json(summary)
        return
    for line in summary_lines(summary):
        typer.echo(line)


@app.command()
def compare(
    catalog: CatalogPath,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the leaderboard; the same one goes on after a kill.")],
    test: Annotated[Path | None, typer.Option(metavar="CATALOG", help="Products to score on; unset: a part of CATALOG.")] = None,
    systems: Annotated[str, typer.Option(help="all, or names with commas; image@24: image, its last 24 layers trained.")] = "all",
    preset: Annotated[str, typer.Option(help="Whose systems: everything, paper, authors_code or recommended.")] = "everything",
    config: ConfigFile = None,
    min_count: MinCount = None,
    as_json: Json = False,
) -> None:
    """Fit many systems on one split and see which is worth its cost."""
    from shelfwise.commands.compare import compare as run
    from shelfwise.commands.compare import select_systems
    from shelfwise.config import Config
    from shelfwise.reports.leaderboard import leaderboard_markdown

    settings = Config.load(preset, config, {"labels": {"min_count": min_count}} if min_count else {})
    settings = select_systems(settings, [name.strip() for name in systems.split(",")])
    with terminal_context(settings.seed) as context:
        results = run(catalog, out, settings, test, context)
    where = {"report": str(out / "index.html"), "results": str(out / "results.json"), "leaderboard": str(out / "leaderboard.md")}
    if as_json:
        say_json({**where, "order": results["leaderboard"], "seconds": results["seconds"], "systems": results["systems"]})
    else:
        typer.echo(f"{leaderboard_markdown(results)}\nreport: {where['report']}")


@app.command()
def similar(
    model: ModelPath,
    identity: Annotated[str | None, typer.Option("--id", help="A product the model was trained on.")] = None,
    title: Annotated[str | None, typer.Option(help="Or describe a product.")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    image: Annotated[Path | None, typer.Option(metavar="FILE")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    as_json: Json = False,
) -> None:
    """Find the training products that are most like a product."""
    from shelfwise.categorizer import Categorizer
    from shelfwise.errors import CatalogError

    described = {"title": title, "description": description, "image": None if image is None else str(image)}
    if (identity is None) == (not any(described.values())):
        raise CatalogError("name one product: either its --id, or any of --title, --description and --image")
    if image is not None and not image.is_file():
        raise CatalogError(f"there is no picture {image}; --image takes a file")
    categorizer = Categorizer.load(model)
    found = categorizer.similar([described], k)[0] if identity is None else categorizer.similar_to(identity, k)
    if as_json:
        say_json({"similar": found})
    for product in found if not as_json else ():
        typer.echo(f"{product['similarity']:6.3f}  {product['id']}  {product['title'] or ''}  [{', '.join(product['labels'])}]")


@app.command()
def inspect(
    catalog: CatalogPath,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for inspect.json, figure_2.svg, index.html and quarantine.jsonl.")],
    config: ConfigFile = None,
    min_count: MinCount = None,
    as_json: Json = False,
) -> None:
    """Look at a catalogue before training: what it has, what it lacks, what was refused and why."""
    from shelfwise.commands.inspect import inspect_catalog
    from shelfwise.config import Config

    settings = Config.load("everything", config, {"labels": {"min_count": min_count}} if min_count else {})
    with terminal_context(settings.seed) as context:
        found = inspect_catalog(catalog, out, settings, context)
    if as_json:
        say_json(found)
        return
    typer.echo(f"{found['records']} records: {found['accepted']} accepted, {found['quarantined']} quarantined")
    for reason, count in found["reasons"].items():
        typer.echo(f"  {count} x {reason}")
    typer.echo(f"{found['statistics']['products']} products with {found['statistics']['classes']} categories; report: {out / 'index.html'}")


@app.command()
def audit(
    model: ModelPath,
    catalog: CatalogPath,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for index.html, audit.jsonl and audit.csv.")],
    share: Annotated[float, typer.Option(help="Share of the products to list, most suspicious first.")] = 0.1,
    as_json: Json = False,
) -> None:
    """List products that are probably mis-tagged, with evidence; what a person decides goes to `train --corrections`."""
    from shelfwise.commands.audit import audit_catalog
    from shelfwise.export.loading import open_model

    with terminal_context() as context:
        found = audit_catalog(open_model(model), catalog, out, context, share)
    if as_json:
        say_json(found)
        return
    typer.echo(f"{found['listed']} of {found['products']} products listed, {found['out_of_fold']} judged by models that had not seen them")
    for row in found["labels"][:10]:
        typer.echo(f"{row['missing']:6} missing {row['wrong']:6} wrong  {row['label']}")
    for note in found["notes"]:
        typer.echo(f"note: {note}")
    typer.echo(f"to look at: {out / 'index.html'}; to fill in: {out / 'audit.jsonl'} or {out / 'audit.csv'}")


@app.command()
def export(
    source: Annotated[Path, typer.Argument(metavar="MODEL|CATALOG", help="A model's folder; for --migrate also a catalogue file.")],
    onnx: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the deciding system as one ONNX graph, with all it needs.")
    ] = None,
    int8: Annotated[
        Path | None, typer.Option(metavar="CATALOG", help="Labelled products, not for test: picture network in 8 bits.")
    ] = None,
    gate: Annotated[float, typer.Option(help="Macro-F1 on these that 8 bits may cost; otherwise nothing is written.")] = 0.005,
    migrate: Annotated[
        Path | None, typer.Option(metavar="CHANGES.toml", help="Categories renamed, merged, split, moved or removed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help="Of --migrate: the new model's folder or new catalogue (.jsonl).")] = None,
    as_json: Json = False,
) -> None:
    """Write a model as an ONNX graph; or carry a model or a catalogue over to a changed taxonomy."""
    from shelfwise.commands.export import export_bundle, export_words
    from shelfwise.commands.migrate import migrate_catalog, migration_table
    from shelfwise.model.migration import migrate_bundle
    from shelfwise.taxonomy.changes import Migration

    with terminal_context() as context:
        if onnx is not None and migrate is None and out is None:
            found = export_bundle(source, onnx, int8, gate, context)
            words = export_words(found)
        elif onnx is None and int8 is None and migrate is not None and out is not None:
            changes = Migration.load(migrate)
            found = migrate_bundle(source, out, changes) if source.is_dir() else migrate_catalog(source, out, changes, context=context)
            words = f"{migration_table(found)}\n\nwritten: {out}"
        else:
            raise ConfigError("say what to export: either --onnx DIR (with --int8 CATALOG if wanted), or --migrate CHANGES.toml --out OUT")
    if as_json:
        say_json(found)
    else:
        typer.echo(words)


@app.command()
def plugins(as_json: Json = False) -> None:
    """List the modalities and fusion policies that can be named in a settings file."""
    from shelfwise.core import registry

    found = {"modalities": registry.modalities.names(), "fusion": registry.fusion.names()}
    if as_json:
        say_json(found)
    else:
        for kind, names in found.items():
            typer.echo(f"{kind}: {', '.join(names)}")


def main() -> None:
    """Run the command line; what shelfwise refuses is one sentence on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # numpy's threads else wait for work in the way of torch's
    try:
        app()
    except (ShelfwiseError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command line speaks
        sys.exit(2)
