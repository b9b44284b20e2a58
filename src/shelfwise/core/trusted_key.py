"""Which key the signatures of models are checked with; the check is in :mod:`shelfwise.model.signature`."""

from __future__ import annotations

import os
from pathlib import Path

from shelfwise.errors import ConfigError

PUBLIC_KEY_VARIABLE = "SHELFWISE_PUBLIC_KEY"
"""The environment variable; ``shelfwise --public-key`` sets it for one command and its workers."""


def trusted_key() -> Path | None:
    """The file of the public key; None where nobody demands signatures.

    Raises:
        ConfigError: the variable is set to nothing, which may be a mistake that lets any model in.
    """
    value = os.environ.get(PUBLIC_KEY_VARIABLE)
    if value == "":
        raise ConfigError(
            f"{PUBLIC_KEY_VARIABLE} is set but empty; name the file of a public key, or unset it"
        )
    return Path(value) if value else None
