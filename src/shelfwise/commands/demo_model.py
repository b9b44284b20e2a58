"""A model to look around with: trained once on a small generated catalogue, then kept in the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shelfwise import __version__
from shelfwise.catalog.sample import write_sample
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.model.bundle_reader import MANIFEST

PRODUCTS = 600
"""Enough for labels that make sense, few enough to train in half a minute."""


@dataclass(frozen=True)
class DemoModel:
    """A model and the catalogue that it was trained on."""

    model: Path
    catalog: Path


def demo_model(cache: Path, context: Context) -> DemoModel:
    """The demo's model, trained now where the cache has none of this version.

    Args:
        cache: the user's cache folder.
    """
    # another version may generate other products and train otherwise
    folder = cache / "demo" / f"{__version__}-{PRODUCTS}"
    demo = DemoModel(folder / "model", folder / "catalog" / "catalog.jsonl")
    if (demo.model / MANIFEST).is_file() and demo.catalog.is_file():
        return demo
    write_sample(folder / "catalog", products=PRODUCTS, context=context)
    train(demo.catalog, demo.model, Config.load("quick"), context=context)
    return demo
