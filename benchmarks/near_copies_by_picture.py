"""Near-copies by pictures: recall and precision on copies that are planted among real products.

    python benchmarks/near_copies_by_picture.py CATALOG --products 1000

Products with a title and a picture are drawn from CATALOG, and planted among them are, a hundred of each:
- copies: the picture of a product, changed in one way, its title with some words replaced, no description;
- strangers: the very picture of one product, the title of another;
- products without a picture of their own: one placeholder for all, each with its own title.
Recall: copies in one group with their original. Precision: pairs in groups that are of one family. Products
of CATALOG that are in one group before anything is planted count as one family: they are looked at by eye.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.shared_words import shared_words
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Rows
from shelfwise.vision.image_io import read_image
from shelfwise.vision.picture_copies import picture_copies
from shelfwise.vision.picture_hashes import picture_hashes
from shelfwise.vision.similar_pictures import similar_pictures

PLANTED = 100
QUALITY = 85
Change = Callable[[Image.Image], Image.Image]


def _cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = int(share * image.width), int(share * image.height)
    return image.crop((across, down, image.width - across, image.height - down))


def _bordered(image: Image.Image, share: float) -> Image.Image:
    return ImageOps.expand(image, max(1, int(share * max(image.size))), "white")


CHANGES: dict[str, Change] = {
    "the same file": lambda image: image,
    "saved anew (quality 35)": lambda image: image,
    "half the size": lambda image: image.resize((image.width // 2 + 8, image.height // 2 + 8)),
    "cropped by 2 % a side": lambda image: _cropped(image, 0.02),
    "cropped by 5 % a side": lambda image: _cropped(image, 0.05),
    "white border of 3 %": lambda image: _bordered(image, 0.03),
    "white border of 10 %": lambda image: _bordered(image, 0.1),
    "padded to a square": lambda image: ImageOps.pad(image, (max(image.size),) * 2, color="white"),
    "brighter by 25 %": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "darker by 25 %": lambda image: ImageEnhance.Brightness(image).enhance(0.75),
}
SAME, AGAIN = list(CHANGES)[:2]


@dataclass
class Planted:
    """Products with their family, and what was done to them.

    Args:
        records: of all products; pictures are bytes.
        family: of each, the row it was copied from, or its own.
        kind: "own", the name of a change, "stranger" or "placeholder".
        replaced: words of the title.
    """

    records: list[dict[str, Any]]
    family: list[int]
    kind: list[str]
    replaced: list[int]

    def add(self, record: dict[str, Any], family: int | None, kind: str, replaced: int = 0) -> None:
        """One more product; one that is no copy is a family of its own."""
        row = len(self.records)
        self.records.append({**record, "id": str(row)})
        self.family.append(row if family is None else family)
        self.kind.append(kind)
        self.replaced.append(replaced)


def plant(catalog: Catalog, products: int, seed: int) -> Planted:
    """Products of a catalogue, and copies, strangers and placeholders among them."""
    rng = np.random.default_rng(seed)
    usable = catalog.has_value("title") & catalog.has_value("image")
    rows = rng.permutation(np.flatnonzero(usable))[:products]
    # only these are made into Python values
    drawn = catalog.take(rows)
    known = zip(
        drawn.column("title"), drawn.column("description"), drawn.image_sources(), strict=True
    )
    planted = Planted([], [], [], [])
    for title, description, source in known:
        assert source is not None
        record = {"title": title, "description": description, "image": read_image(source)}
        planted.add(record, None, "own")
    count = len(planted.records)
    for name in CHANGES:
        for row in rng.choice(count, PLANTED, replace=False).tolist():
            original = planted.records[row]
            title, replaced = _reworded(original["title"], rng)
            image = _changed(original["image"], name)
            planted.add({"title": title, "image": image}, row, name, replaced)
    for one, other in rng.permutation(count)[: 2 * PLANTED].reshape(-1, 2).tolist():
        stranger = {**planted.records[other], "image": planted.records[one]["image"]}
        # of the family of its title, of which the picture tells nothing
        planted.add(stranger, other, "stranger")
    for row in rng.choice(count, PLANTED, replace=False).tolist():
        planted.add(
            {"title": planted.records[row]["title"], "image": _placeholder()}, row, "placeholder"
        )
    return planted


def _reworded(title: str, rng: np.random.Generator) -> tuple[str, int]:
    """A title of which up to half of the words are others, and how many are."""
    words = title.split()
    replaced = int(rng.integers(len(words) // 2 + 1))
    for place in rng.choice(len(words), replaced, replace=False).tolist():
        words[place] = f"other{rng.integers(10_000)}"
    return " ".join(words), replaced


def _changed(data: bytes, name: str) -> bytes:
    if name == SAME:
        return data
    image = CHANGES[name](Image.open(io.BytesIO(data)).convert("RGB"))
    saved = io.BytesIO()
    image.save(saved, "JPEG", quality=35 if name == AGAIN else QUALITY)
    return saved.getvalue()


def _placeholder() -> bytes:
    image = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(image).text((60, 120), "no image", fill="grey", font_size=40)
    saved = io.BytesIO()
    image.save(saved, "PNG")
    return saved.getvalue()


def measured(planted: Planted) -> dict[str, Any]:
    """The figures of one run."""
    catalog = Catalog.from_records(planted.records)
    own = planted.kind.count("own")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    groups = picture_copies(catalog, Context()).groups
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # what the catalogue itself has of copies
    known = picture_copies(catalog.take(np.arange(own)), Context()).groups
    family = known[np.array(planted.family)]
    kind = np.array(planted.kind)
    found = groups == groups[np.array(planted.family)]
    recall = {name: round(float(found[kind == name].mean()), 3) for name in CHANGES}
    pairs, right = pairs_in(groups), pairs_in(groups * len(groups) + family)
    alone = similar_pictures(picture_hashes(catalog, Context()))
    by_picture = family[alone.first] == family[alone.second]
    witness = shared_words(catalog.table.column("title"), alone.first, alone.second)
    return {
        "products": own,
        "pairs_of_the_catalogue_itself": pairs_in(known),
        "recall": recall,
        "recall_of_all_copies": round(float(found[np.isin(kind, list(CHANGES))].mean()), 3),
        "precision": round(right / max(pairs, 1), 4),
        "pairs": pairs,
        "wrong_pairs": pairs - right,
        "precision_of_pictures_alone": round(float(by_picture.mean()), 4),
        "precision_and_recall_by_shared_words": _by_bar(witness, by_picture),
        "placeholders_with_another": int(_has_others(groups)[kind == "placeholder"].sum()),
        "milliseconds_a_picture": round(1000 * seconds / len(catalog), 2),
        "memory_before_mb": before // 1024,
        "peak_memory_mb": peak // 1024,
    }


def _by_bar(witness: Any, by_picture: Any) -> dict[str, tuple[float, float]]:
    """Of the pairs with nearly the same picture: precision, and the share of the right ones kept."""
    bars = {}
    for least in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6):
        kept = witness >= least
        precision = by_picture[kept].mean()
        share = by_picture[kept].sum() / by_picture.sum()
        bars[f"{least:g}"] = (round(float(precision), 4), round(float(share), 3))
    return bars


def _has_others(groups: Rows) -> Any:
    return np.bincount(groups)[groups] > 1


def pairs_in(groups: Rows) -> int:
    """How many pairs of products share a group."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    given = plant(read_catalog(options.catalog).catalog, options.products, options.seed)
    print(json.dumps(measured(given), indent=1))
