"""Which device a person asked for; whether it is there is for :mod:`shelfwise.nn.device` to say."""

from __future__ import annotations

import os

DEVICE_VARIABLE = "SHELFWISE_DEVICE"
"""The environment variable; ``shelfwise --device`` sets it for one command."""


def requested_device() -> str:
    """``auto`` where nobody asked."""
    return os.environ.get(DEVICE_VARIABLE) or "auto"
