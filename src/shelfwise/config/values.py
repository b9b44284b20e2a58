"""Settings as plain values: read from TOML, laid over each other, and what is wrong with them in words."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shelfwise.config.written_files import read_written_text
from shelfwise.errors import ConfigError
from shelfwise.similar_names import most_similar

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
        raise ConfigError(f"there is no settings file {path}; check the path") from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"the settings file {path} cannot be read: {reason}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the settings file {path} is not valid TOML: byte {error.start} is not UTF-8; save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the settings file {path} is not valid TOML: {error}") from None
    # the parser calls itself for every list within a list
    except RecursionError:
        raise ConfigError(
            f"the settings file {path} is not valid TOML: too deeply nested"
        ) from None


def describe(error: ValidationError, settings: type[BaseModel] | None = None) -> str:
    """A pydantic error as one sentence: setting, what it got, what is expected.

    Args:
        settings: what was validated; of an unknown setting the similar or known ones are then told.
    """
    return "; ".join(
        f"setting {'.'.join(map(str, e['loc'])) or 'top level'}: {_what(e, settings)}"
        + ("" if e["type"] in ("value_error", "missing") else f" (got {_shown(e['input'])})")
        for e in error.errors()
    )


def _what(error: ErrorDetails, settings: type[BaseModel] | None) -> str:
    """What is wrong with one setting."""
    if error["type"] == "extra_forbidden":
        *table, name = error["loc"]
        known = _names_within(settings, table)
        similar = most_similar(str(name), known)
        fix = f"did you mean {similar!r}?" if similar else f"known: {', '.join(sorted(known))}"
        return "there is no such setting" + (f"; {fix}" if known else "")
    if error["type"] == "missing":
        return "is missing"
    # pydantic's own prefix of what our checks say
    return error["msg"].removeprefix("Value error, ")


def _names_within(settings: type[BaseModel] | None, table: Sequence[int | str]) -> list[str]:
    """The names of the settings that stand in a table; none where that is not known."""
    within: Any = settings
    for name in table:
        if isinstance(within, type) and issubclass(within, BaseModel):
            field = within.model_fields.get(str(name))
            within = field.annotation if field else None
        else:
            # a table whose names are free, such as [members]: its values are all of one type
            within = get_args(within)[-1] if get_origin(within) is dict else None
    if isinstance(within, type) and issubclass(within, BaseModel):
        return list(within.model_fields)
    return []


def _shown(value: Any) -> str:
    """A wrong value, as it was written, but for what is too long or too deep for a sentence."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _MOST_SHOWN
    return short.repr(value)
