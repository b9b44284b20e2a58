"""``shelfwise sample``: a generated catalogue to try things on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from shelfwise.catalog.sample import write_sample
from shelfwise.catalog.sample.planted_copies import PLANTED_COPIES
from shelfwise.commands.output_places import check_no_model
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.errors import CatalogError


def sample_catalog(
    out: Path, products: int, seed: int = 0, images: bool = True, context: Context | None = None
) -> dict[str, Any]:
    """Write a generated catalogue of `products` products into the new folder `out`.

    So many products are in memory at a time as one part has, about 4 KB each; see
    :func:`~shelfwise.catalog.sample.generator.write_sample`.

    Args:
        seed: changes everything that is drawn at random.
        images: draw them; most of the time is theirs.

    Returns:
        The file, its products, seed, and how many lines it has: some repeat an id or are broken on purpose;
        and the list of near-copies: a line has ``id``, ``copy_of`` and ``words_changed``.

    Raises:
        CatalogError: `out` is a folder with something in it, or `products` is below 1.
        StorageError: another run is writing to `out`, or it cannot be written.
    """
    check_no_model(out)
    with claimed(out):
        is_there = out.exists()
        if is_there and (not out.is_dir() or any(out.iterdir())):
            raise CatalogError(f"{out} is not an empty folder; give --out a new one")
        try:
            file = write_sample(out, products, seed, context, images)
        except BaseException:
            # the folder is new or was empty: all in it is of this run, and would stand in the next one's way
            _empty(out, keep=is_there)
            raise
    with file.open("rb") as content:
        lines = sum(1 for _ in content)
    return {
        "catalog": str(file),
        "near_copies": str(out / PLANTED_COPIES),
        "products": products,
        "seed": seed,
        "lines": lines,
    }


def _empty(folder: Path, keep: bool) -> None:
    """Remove what is in `folder`, and itself unless it is to be kept."""
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for one in folder.iterdir():
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
