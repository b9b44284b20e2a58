"""Verbs that use a trained model: predict, similar, audit, export, sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shelfwise.cli.options import CatalogPath, Json, ModelPath, NoveltyRate, TargetPrecision
from shelfwise.cli.terminal import print_json, print_result, terminal_context
from shelfwise.core.counted import counted
from shelfwise.errors import CatalogError, ConfigError


def predict(
    model: ModelPath,
    catalog: CatalogPath,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="FILE.jsonl or FILE.parquet: id, labels and scores of each product.",
        ),
    ],
    target_precision: TargetPrecision = None,
    novelty_rate: NoveltyRate = None,
    top: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Write only the N highest scores.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for a page that explains 12 products, or those of --id."
        ),
    ] = None,
    identities: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="A product to explain. Can be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Label new products, and explain the labels."""
    from shelfwise.commands.explain import ChosenProducts
    from shelfwise.commands.predict import predict_catalog, summary_lines
    from shelfwise.export.loading import open_model

    # it would else explain nothing without a word
    if identities and explain is None:
        raise ConfigError("--id names products to explain; say where to with --explain DIR")
    if explain is not None and explain.resolve() == out.resolve():
        raise ConfigError(f"--out and --explain both name {out}; one is a file, the other a folder")
    with terminal_context() as context:
        fitted = open_model(model)
        # refused before any work is done
        chosen = None
        if explain is not None:
            chosen = ChosenProducts.of(fitted, catalog, explain, context, identities or ())
        summary = predict_catalog(
            fitted, catalog, out, context, target_precision, novelty_rate, top
        )
        summary["explained"] = chosen.explain(context) if chosen else None
    print_result(summary, summary_lines(summary), as_json)


def similar(
    model: ModelPath,
    identity: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The id of a training product.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Or the title of a new product.")
    ] = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its description.")
    ] = None,
    image: Annotated[Path | None, typer.Option(metavar="FILE", help="Its image file.")] = None,
    k: Annotated[
        int, typer.Option("-k", metavar="N", min=1, help="Number of products to find.")
    ] = 10,
    as_json: Json = False,
) -> None:
    """Find the training products most similar to a product."""
    from shelfwise.categorizer import Categorizer

    described = {"title": title, "description": description, "image": image}
    # either an id or a description, not both and not neither
    if (identity is not None) == any(described.values()):
        raise CatalogError(
            "name one product: either its --id, or any of --title, --description and --image"
        )
    if image is not None and not image.is_file():
        raise CatalogError(f"there is no image file {image}; --image takes the path of one")
    categorizer = Categorizer.load(model)
    given = [name for name, value in described.items() if value is not None]
    unread = [name for name in given if name not in categorizer.model_.fields]
    # by nothing that the model reads no product is similar
    if given and unread == given:
        options = [f"--{name}" for name in described if name in categorizer.model_.fields]
        fix = f"give {' or '.join(options)}" if options else "name a training product with --id"
        raise CatalogError(f"the model reads no {' and no '.join(unread)}; {fix}")
    notes = [f"the model reads no {name}, so it was not used" for name in unread]
    if identity is None:
        [(found, warnings)] = categorizer.similar_with_warnings([described], k)
        notes += warnings
    else:
        found = categorizer.similar_to(identity, k)
    if as_json:
        print_json({"similar": found, "notes": notes})
        return
    for note in notes:
        typer.echo(f"note: {note}")
    for product in found:
        labels = ", ".join(product["labels"])
        typer.echo(
            f"{product['similarity']:6.3f}  {product['id']}  {product['title'] or ''}  [{labels}]"
        )


def audit(
    model: ModelPath,
    catalog: CatalogPath,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for index.html, audit.jsonl and audit.csv.")
    ],
    top_fraction: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Share of the products to list, most suspicious first."),
    ] = 0.1,
    as_json: Json = False,
) -> None:
    """List products whose labels are probably wrong. Your decisions go to `train --corrections`."""
    from shelfwise.commands.audit import audit_catalog
    from shelfwise.export.loading import open_model

    with terminal_context() as context:
        found = audit_catalog(open_model(model), catalog, out, context, top_fraction)
    if as_json:
        print_json(found)
        return
    judged = f"{found['out_of_fold']} of them scored by models that had not seen them"
    typer.echo(f"{found['listed']} of {found['products']} products listed, {judged}")
    for row in found["labels"][:10]:
        typer.echo(f"{row['missing']:6} missing {row['wrong']:6} wrong  {row['label']}")
    if found["disagreeing_copies"]:
        groups = counted(found["disagreeing_copies"], "group")
        typer.echo(f"{groups} of near-copies with different labels: {found['near_copies']}")
    for note in found["notes"]:
        typer.echo(f"note: {note}")
    typer.echo(
        f"page: {out / 'index.html'}; to fill in: {out / 'audit.jsonl'} or {out / 'audit.csv'}"
    )


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|CATALOG|TAXONOMY",
            help="A model folder, a catalogue file, or the older edition of a taxonomy file.",
        ),
    ],
    onnx: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Export the final system as one ONNX graph, with its vocabulary and preprocessing.",
        ),
    ] = None,
    int8: Annotated[
        Path | None,
        typer.Option(
            metavar="CATALOG",
            help="Quantize the image network to 8 bits on these labelled products (not the test set).",
        ),
    ] = None,
    max_f1_loss: Annotated[
        float,
        typer.Option(
            metavar="LOSS",
            help="Largest drop in macro-F1 that 8 bits may cost; above it nothing is written.",
        ),
    ] = 0.005,
    migrate: Annotated[
        Path | None,
        typer.Option(
            metavar="CHANGES.toml|TAXONOMY",
            help="Rename, merge, split, move or remove categories; "
            "or compare with this newer edition of a taxonomy file (.txt, .json).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="With --migrate: the new model folder, new catalogue (.jsonl) or proposed changes (.toml).",
        ),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write a checked catalogue as Parquet files, with its quarantine."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export to ONNX or Parquet, or move to a changed taxonomy."""
    from shelfwise.commands.export import export_bundle, export_words
    from shelfwise.commands.migrate import run_migration
    from shelfwise.commands.to_parquet import export_parquet, parquet_words

    options = {"onnx": onnx, "int8": int8, "migrate": migrate, "out": out, "parquet": parquet}
    # the options that were given tell what is wanted; no two wishes at once
    given = {name for name, value in options.items() if value is not None}
    with terminal_context() as context:
        if parquet is not None and given == {"parquet"}:
            found = export_parquet(source, parquet, context)
            text = parquet_words(found)
        elif onnx is not None and given <= {"onnx", "int8"}:
            found = export_bundle(source, onnx, int8, max_f1_loss, context)
            text = export_words(found)
        elif migrate is not None and out is not None and given == {"migrate", "out"}:
            found, text = run_migration(source, migrate, out, context)
        else:
            graph = "--onnx DIR (with --int8 CATALOG if wanted)"
            migration = "--migrate CHANGES.toml --out OUT"
            raise ConfigError(f"name what to export: {graph}, {migration}, or --parquet DIR")
    print_result(found, [text], as_json)


def sign(
    model: ModelPath,
    key: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Private Ed25519 key (PEM), as openssl genpkey makes it."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Sign a model. With `shelfwise --public-key FILE` others can then demand that it is yours."""
    from shelfwise.commands.sign import sign as run

    signed = run(model, key)
    line = f"signed {signed['model']}; sha256 of the public key: {signed['public_key']}"
    print_result(signed, [line], as_json)


VERBS = (predict, similar, audit, export, sign)
