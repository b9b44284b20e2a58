"""The command line: one file a group of verbs.

Imports stay inside the verbs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import nullcontext, suppress
from typing import Annotated, NoReturn, Protocol, runtime_checkable

import typer

from shelfwise import __version__
from shelfwise.cli import (
    catalog_verbs,
    demo_verb,
    installation_verbs,
    model_verbs,
    review_verbs,
    scale_verbs,
    service_verbs,
    training_verbs,
)
from shelfwise.cli.memory_errors import memory_sentence
from shelfwise.cli.options import Command
from shelfwise.cli.stop_signals import orderly_stop
from shelfwise.cli.terminal import nothing_but_json, print_json
from shelfwise.cli.torchrun import refuse_several_processes
from shelfwise.core.device_request import DEVICE_VARIABLE
from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE
from shelfwise.errors import ConfigError, ShelfwiseError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
# --help lists them in this order, the one in which they are mostly needed
GROUPS = (
    demo_verb,
    catalog_verbs,
    training_verbs,
    model_verbs,
    scale_verbs,
    review_verbs,
    service_verbs,
    installation_verbs,
)
for group in GROUPS:
    for verb in group.VERBS:
        app.command(cls=Command)(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shelfwise {__version__}")
        raise typer.Exit


@app.callback()
def set_up(
    context: typer.Context,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where networks compute: auto, cpu, cuda or cuda:1. One that is not there is an error.",
        ),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Refuse models that are not signed with the private key of this public one.",
        ),
    ] = None,
    # eager: no verb is wanted beside it
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Assign products to all of their categories, from title, description, image and any other column."""
    # a script's variable that is not set; it would else be taken for no wish
    if device == "":
        raise ConfigError("--device is empty; name auto, cpu, cuda or cuda:1, or leave it out")
    if device is not None:
        # the process is the command line's own, and so are the processes that it starts
        os.environ[DEVICE_VARIABLE] = device
    if public_key is not None:
        os.environ[PUBLIC_KEY_VARIABLE] = public_key
    refuse_several_processes(context.invoked_subcommand)


def main() -> None:
    """Run the command line. An error that shelfwise raises is one sentence on stderr and exit code 2.

    With ``--json`` it is one JSON document on stdout, too, and so is a call that is not understood.
    """
    _open_standard_streams()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    _let_any_name_be_printed()
    # numpy's waiting threads would else take turns with torch's
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    words = sys.argv[1:]
    # who asks for help wants to read it
    as_json = "--json" in words and "--help" not in words
    with orderly_stop(), nothing_but_json() if as_json else nullcontext():
        _run(as_json)


def _run(as_json: bool) -> NoReturn:
    """Do what the words of the command ask for, and end with its exit code."""
    try:
        # typer says itself what it does not understand, but only in words
        code = app(standalone_mode=not as_json)
    except (ShelfwiseError, OSError) as error:
        _refuse(str(error), error, as_json)
    except UnicodeEncodeError as error:
        # the library of Parquet takes no other names
        found = "the name of a file or folder is not UTF-8, and cannot be used here"
        _refuse(f"{found} ({error.object[:200]!r}); rename it", error, as_json)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        # what is missing of our own is a fault
        if name in ("", "shelfwise"):
            raise
        fix = "install what shelfwise needs: pip install shelfwise"
        _refuse(f"the library {name!r} is not installed; {fix}", error, as_json)
    except Exception as error:
        # before Arrow's other errors: one of them is for want of memory
        if sentence := memory_sentence(error):
            _refuse(sentence, error, as_json)
        if _is_of_arrow(error):
            _refuse(_arrow_sentence(error), error, as_json)
        # a call that is not understood has a message; what else there is, is a fault
        if not isinstance(error, UsageError):
            raise
        _refuse(error.format_message(), error, as_json)
    # a verb returns nothing, unless it leaves with a code of its own
    sys.exit(code or 0)


def _open_standard_streams() -> None:
    """Let what is closed, as ``>&-`` in a shell does, be open to nothing.

    A file that is opened later would else get its number, and with it what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # the system gives the lowest number that is free: this one
            os.open(os.devnull, os.O_RDWR)


def _let_any_name_be_printed() -> None:
    """The names of files need not be UTF-8, and a terminal need not have every letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@runtime_checkable
class UsageError(Protocol):
    """What typer raises where a call is not understood; the class has another place in each version."""

    exit_code: int

    def format_message(self) -> str:
        """What is not understood, in words."""
        ...


def _refuse(sentence: str, error: Exception, as_json: bool) -> NoReturn:
    """End with the sentence."""
    print(f"error: {sentence}", file=sys.stderr)  # noqa: T201 - the command line speaks
    if as_json:
        # standard output may be what failed; the sentence has been told
        with suppress(OSError):
            print_json({"error": sentence, "kind": type(error).__name__})
    sys.exit(2)


def _is_of_arrow(error: Exception) -> bool:
    """Whether Arrow raised the error."""
    # imported by whoever uses it; only --help does without
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(error, arrow.ArrowException)


def _arrow_sentence(error: Exception) -> str:
    """What Arrow says, and what can be done about it."""
    # the lines behind the first one name Arrow's own source files
    said = str(error).split("\n", 1)[0]
    fix = "if a column is larger than 2 GiB, split the file; if not, please report it"
    return f"Arrow could not work on the data: {said}; {fix}"
