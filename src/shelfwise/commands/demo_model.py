"""A model to look around with: trained once on a small generated catalogue, then kept in the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shelfwise import __version__
from shelfwise.catalog.sample import write_sample
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.errors import StorageError
from shelfwise.model.bundle_reader import MANIFEST

PRODUCTS = 600
"""Enough for labels that make sense, few enough to train in half a minute."""

_FIX = "name another folder in SHELFWISE_CACHE"


@dataclass(frozen=True)
class DemoModel:
    """A model and the catalogue that it was trained on."""

    model: Path
    catalog: Path


def demo_model(context: Context) -> DemoModel:
    """The demo's model, trained now where the cache of `context` has none of this version.

    Raises:
        StorageError: there is no cache that is to be trusted, or the disk refuses the demo's files.
    """
    # whoever may write there could put another model in the demo's place
    if context.cache is None:
        raise StorageError(f"the demo keeps its model in the cache, and there is none; {_FIX}")
    # another version may generate other products and train otherwise
    folder = context.cache / "demo" / f"{__version__}-{PRODUCTS}"
    demo = DemoModel(folder / "model", folder / "catalog" / "catalog.jsonl")
    if (demo.model / MANIFEST).is_file() and demo.catalog.is_file():
        return demo
    try:
        write_sample(folder / "catalog", products=PRODUCTS, context=context)
        train(demo.catalog, demo.model, Config.load("quick"), context=context)
    except OSError as error:
        raise StorageError(
            f"the demo keeps its model in the cache, and {folder} cannot be written "
            f"({error.strerror}); {_FIX}"
        ) from None
    return demo
