"""Libraries that only some settings need: imported when they are used, and refused in a sentence."""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from shelfwise.errors import PluginError


def library(name: str, extra: str, purpose: str) -> Any:
    """A library of an extra.

    Args:
        purpose: what needs it, to begin the sentence of the error.

    Raises:
        PluginError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise missing_library(error, extra, purpose) from error


def installed_version(name: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def missing_library(error: ModuleNotFoundError, extra: str, purpose: str) -> PluginError:
    """The error that says which library of an extra is not installed; see :func:`library`."""
    return PluginError(
        f"{purpose} needs the library {error.name!r}, which is not installed: "
        f"pip install 'shelfwise[{extra}]'"
    )
