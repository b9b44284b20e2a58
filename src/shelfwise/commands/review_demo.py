"""Products for ``shelfwise review --demo``: generated ones that the demo's model has not seen."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from shelfwise.catalog.sample import write_sample
from shelfwise.commands.demo_model import DemoModel
from shelfwise.core.types import Context
from shelfwise.disk.files import replacing
from shelfwise.disk.folders import replacing_folder

PRODUCTS = 200
SEED = 7
"""Another one than that of the training products."""


def demo_catalog(demo: DemoModel, context: Context) -> Path:
    """A catalogue to review, beside the one that the model was trained on; written once."""
    folder = demo.catalog.parents[1] / "review"
    path = folder / "new-products.jsonl"
    if path.is_file():
        return path
    drawn = write_sample(folder, products=PRODUCTS, seed=SEED, context=context)
    # an id of a training product would stand for that product; some lines are broken on purpose
    content = re.sub(rb'"S(\d+)"', rb'"N\1"', drawn.read_bytes())
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def demo_model_copy(demo: DemoModel) -> Path:
    """A copy of the demo's model beside the catalogue to review; made once.

    A model that learnt from decisions takes its place; the model of other demos stays as it is.
    """
    copy = demo.catalog.parents[1] / "review" / "model"
    if not copy.is_dir():
        with replacing_folder(copy) as new:
            shutil.copytree(demo.model, new, dirs_exist_ok=True)
    return copy
