"""Verbs about what is installed: plugins, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from shelfwise.cli.options import Json
from shelfwise.cli.terminal import cache_folder, print_result


def plugins(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A plug-in whose settings to show.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List modalities and fusion policies, or the settings of one."""
    from shelfwise.commands.plugins import list_plugins, plugin_settings, settings_table

    if name is not None:
        described = plugin_settings(name)
        print_result(described, [settings_table(described)], as_json)
        return
    found = list_plugins()
    lines = [f"{kind}: {', '.join(names)}" for kind, names in found.items()]
    print_result(found, lines, as_json)


def doctor(as_json: Json = False) -> None:
    """Check libraries, weights, device, memory and disk."""
    from shelfwise.commands.doctor import examine, report_lines

    found = examine(cache_folder())
    print_result(found, report_lines(found), as_json)


VERBS = (plugins, doctor)
