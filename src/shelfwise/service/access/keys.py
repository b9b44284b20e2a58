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
        ConfigError: a key is too short to be safe, two are the same, or a file cannot be read.
    """
    keys: dict[bytes, Visitor] = {}
    for variable, role in VARIABLES.items():
        key = _key(variable)
        if key is None:
            continue
        if len(key) < MIN_LENGTH or any(character.isspace() for character in key):
            raise ConfigError(
                f"{variable} must be a key of {MIN_LENGTH} characters or more, without blanks; "
                "make one with: openssl rand -hex 32"
            )
        # one key could not tell its two roles apart
        if key_digest(key) in keys:
            raise ConfigError(f"{variable} is the same key as another; each role needs its own")
        keys[key_digest(key)] = Visitor(variable, role)
    return keys


def _key(variable: str) -> str | None:
    path = os.environ.get(f"{variable}_FILE")
    if path:
        try:
            return read_written_text(path).strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{variable}_FILE cannot be read: {type(error).__name__}") from None
    return os.environ.get(variable) or None
