"""Options that several verbs share, and old option names that keep working."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from shelfwise import aliases
from shelfwise.cli.stop_signals import stop_told
from shelfwise.errors import ConfigError

INCOMPLETE = 4
"""Exit code where a part of the input could not be used and the rest was."""

DEMO_NOTE = "The demo trains a small model first: half a minute, once."
"""What is said before the model of ``--demo`` is made."""

CatalogPath = Annotated[
    Path,
    typer.Argument(
        metavar="CATALOG",
        help="Catalogue file: JSON, CSV, TSV, Parquet, Excel, XML, tar, Amazon (.gz, .zip too); "
        "or a folder that `shelfwise ingest` wrote.",
    ),
]
_MODEL_HELP = "Folder that `shelfwise train` wrote."
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help=_MODEL_HELP)]
OptionalModelPath = Annotated[Path | None, typer.Argument(metavar="MODEL", help=_MODEL_HELP)]
TestCatalog = Annotated[
    Path | None,
    typer.Option(
        metavar="CATALOG",
        help="Products to test on. Without it a part of CATALOG is kept for the test.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="recommended, quick, best, paper, authors_code, everything, or none: the settings file alone.",
    ),
]
CatalogConfig = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="Settings of which [catalog] counts."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="Settings that override the preset."),
]
MinCount = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Products a category needs to be learned.")
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")]
Port = Annotated[
    int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes any that is free.")
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes that share the work; default: one a core."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one line of JSON instead of text, errors too.")
]
TargetPrecision = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Guarantee this precision (0.9, 0.95 or 0.99): "
        "sort products into accept, review and reject.",
    ),
]
NoveltyRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Hold back products unlike anything in training; 0.05 = about 5 % false alarms.",
    ),
]


_MAY_BE_EMPTY = frozenset({"--title", "--description"})
"""What a product may lack; everything else that is named is wanted."""


class Command(TyperCommand):
    """A verb that also takes the options' old names, and says the new ones; one that is stopped says so.

    It takes no empty words.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Replace old option names before they are parsed."""
        _refuse_empty_words(args)
        renamed = aliases.OPTIONS.get(self.name or "", {})
        return super().parse_args(ctx, [_name_of_today(argument, renamed) for argument in args])

    def invoke(self, ctx: Any) -> Any:
        """Do what the verb does, and tell where it was stopped."""
        with stop_told(self.name or ""):
            return super().invoke(ctx)


def _refuse_empty_words(words: Sequence[str]) -> None:
    """Refuse what a script gives whose variable is not set: an empty path would be this folder.

    Raises:
        ConfigError: a word is empty.
    """
    for before, word in pairwise(["", *words]):
        option, equals, value = word.partition("=")
        is_option = option.startswith("--")
        if word and not (is_option and equals and not value):
            continue
        name = option if is_option else before
        if name in _MAY_BE_EMPTY:
            continue
        place = f"{name} is empty" if name.startswith("-") else "an argument is empty"
        raise ConfigError(f"{place}; give it a value, or leave it out (is a variable not set?)")


def label_changes(min_count: int | None) -> dict[str, Any]:
    """``--min-count`` as a change of the settings."""
    return {"labels": {"min_count": min_count}} if min_count else {}


def _name_of_today(argument: str, renamed: Mapping[str, str]) -> str:
    """One word of the command line; ``--old=value`` counts too."""
    option, equals, value = argument.partition("=")
    if option not in renamed:
        return argument
    aliases.note(option, renamed[option])
    return renamed[option] + equals + value
