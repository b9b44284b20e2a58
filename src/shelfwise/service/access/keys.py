"""Keys of a service: from the environment or from files, never from arguments that others can read."""

from __future__ import annotations

import os

from shelfwise.config.written_files import read_written_text
from shelfwise.errors import ConfigError
from shelfwise.service.access.access_control import key_digest
from shelfwise.service.access.sessions import Role, Visitor

VARIABLES: dict[str, Role] = {
    "SHELFWISE_KEY": "caller",
    "SHELFWISE_ADMIN_KEY": "admin",
    "SHELFWISE_METRICS_KEY": "metrics",
}
"""Each holds a key. With ``_FILE`` behind its name it holds the path of a file with the key."""

MIN_LENGTH = 16


def read_keys() -> dict[bytes, Visitor]:
    """The keys that are set, by their digests.

    Raises:
        ConfigError: a key is empty or too short to be safe, two are the same, or a file cannot be read.
    """
    keys: dict[bytes, Visitor] = {}
    for variable, role in VARIABLES.items():
        key = _key(variable)
        if key is None:
            continue
        # other letters would reach the service in one encoding or another
        if len(key) < MIN_LENGTH or not all("!" <= character <= "~" for character in key):
            raise ConfigError(
                f"{variable} must be a key of {MIN_LENGTH} characters or more, of ASCII and without "
                "blanks; make one with: openssl rand -hex 32"
            )
        # one key could not tell its two roles apart
        if key_digest(key) in keys:
            raise ConfigError(f"{variable} is the same key as another; each role needs its own")
        keys[key_digest(key)] = Visitor(variable, role)
    return keys


def _key(variable: str) -> str | None:
    """The key that a variable, or the file it names, holds; None where neither is set.

    Raises:
        ConfigError: both are set, one is empty, or the file cannot be read.
    """
    file_variable = f"{variable}_FILE"
    found = [name for name in (variable, file_variable) if name in os.environ]
    if not found:
        return None
    if len(found) > 1:
        raise ConfigError(f"{variable} and {file_variable} are both set; unset one of them")
    value = os.environ[found[0]]
    # whoever set it wanted a key: without one the door would be open
    if not value.strip():
        raise ConfigError(f"{found[0]} is set but empty; give it a value, or unset it")
    if found[0] == variable:
        return value
    try:
        return read_written_text(value, "utf-8-sig").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file_variable} cannot be read: {type(error).__name__}") from None
