"""The sample catalogue that the package carries: generated, so that a first run needs no download."""

from __future__ import annotations

from shelfwise.catalog.sample.generator import write_sample

__all__ = ["write_sample"]
