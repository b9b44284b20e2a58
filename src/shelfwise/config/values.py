"""Settings as plain values: read from TOML, laid over each other, and what is wrong with them in words."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shelfwise.config.written_files import read_written_text
from shelfwise.errors import ConfigError

_MOST_SHOWN = 80


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid over it, key by key."""
    values = dict(base)
    for key, value in over.items():
        # tables are merged key by key; a list or a value replaces what was there.
        both = isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
        values[key] = merged(values[key], value) if both else value
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a settings file.

    Raises:
        ConfigError: it is not there, cannot be read, or is not valid TOML.
    """
    try:
        return tomllib.loads(read_written_text(path))
    except FileNotFoundError:
        raise ConfigError(f"there is no settings file {path}") from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"the settings file {path} cannot be read: {reason}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not valid TOML: {error}") from None
    # the parser calls itself for every list within a list
    except RecursionError:
        raise ConfigError(
            f"the settings file {path} is not valid TOML: too deeply nested"
        ) from None


def describe(error: ValidationError) -> str:
    """A pydantic error as one sentence: setting, what it got, what is expected."""
    return "; ".join(
        f"setting {'.'.join(map(str, e['loc'])) or 'top level'}: {e['msg']}"
        + ("" if e["type"] in ("value_error", "missing") else f" (got {_shown(e['input'])})")
        for e in error.errors()
    )


def _shown(value: Any) -> str:
    """A wrong value, as it was written, but for what is too long or too deep for a sentence."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _MOST_SHOWN
    return short.repr(value)
