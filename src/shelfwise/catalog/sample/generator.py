"""Writes the sample catalogue: plans products, writes their texts, draws their images, adds faults."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelfwise.catalog.reading.reader import NullReporter, ProgressReporter, ReadingProgress
from shelfwise.catalog.sample import noise
from shelfwise.catalog.sample.images import ImageSpec, draw
from shelfwise.catalog.sample.planted_copies import PLANTED_COPIES, planted_copies
from shelfwise.catalog.sample.products import ProductPlan, pick, plan_products
from shelfwise.catalog.sample.texts import write_texts
from shelfwise.catalog.sample.vocabulary import SampleVocabulary, load_vocabulary
from shelfwise.disk.files import json_text, open_text, replacing
from shelfwise.disk.folders import make_folders
from shelfwise.errors import CatalogError

MISLABELLED_SHARE = 0.02
"""Share of the products in a wrong category, of their department or of any."""

CARTON_SHARE = 0.09
"""Share of the images that show a cardboard box."""

DETAIL_SHARE = 0.08
"""Share of the images that show a part instead of the whole."""

PART_PRODUCTS = 100_000
"""Products that are made at once. Relations and near-copies stay among them, so memory is that of a part."""


def write_sample(
    folder: Path | str,
    products: int = 3000,
    seed: int = 0,
    context: ProgressReporter | None = None,
    images: bool = True,
) -> Path:
    """Write a catalogue of drawn and described products, the same bytes for the same `products` and `seed`.

    Every field knows something that the others do not. A title may lack the noun and a description the use;
    an image may show a carton, or a shape that two categories share. Besides its own category a product may
    be in a collection (only the title shows it), among the gifts (only the description) and among the prints
    (only the image). The faults of real catalogues are there too: see :mod:`shelfwise.catalog.sample.noise`.

    Args:
        folder: made if it is not there; receives ``catalog.jsonl``, ``images/``, and in ``planted/`` the
            list of near-copies. All are overwritten.
        products: N, products with an id of their own; the file has some more lines, which repeat an id or are
            broken.
        seed: changes everything that is drawn at random.
        context: shown how far the drawing is.
        images: draw them; without, the products have no field ``image``, and all others are the same.

    Returns:
        The catalogue file: a JSON object a line, with ``id``, ``title``, ``description``, ``image`` (path
        below `folder`), ``categories`` (list of two-level paths), ``price``, ``brand`` and ``related``.

    Raises:
        CatalogError: `products` is below 1.
    """
    if products < 1:
        raise CatalogError(
            f"a sample catalogue of {products} products cannot be written; ask for 1 or more"
        )
    root = Path(folder)
    make_folders(root)
    words = load_vocabulary()
    file = root / "catalog.jsonl"
    copies = root / PLANTED_COPIES
    progress = (context or NullReporter()).progress("writing the sample catalogue", products)
    with (
        progress as bar,
        replacing(file) as unfinished,
        replacing(copies) as unfinished_copies,
        unfinished.open("wb") as lines,
        open_text(unfinished_copies) as listed,
    ):
        # a part at a time: memory does not grow with the catalogue
        for first in range(0, products, PART_PRODUCTS):
            part = _make_part(first, min(PART_PRODUCTS, products - first), [seed, products], words)
            written = part.records if images else list(map(_without_image, part.records))
            lines.writelines(line + b"\n" for line in noise.file_lines(written, part.rng))
            listed.writelines(json_text(one) + "\n" for one in planted_copies(part.plans, written))
            if images:
                _draw_images(root, part, [seed, products], bar)
            else:
                bar.advance(len(written))
    return file


@dataclass(frozen=True)
class _Part:
    """Consecutive products.

    Args:
        first: the row of the first one in the whole sample.
        plans: (N,) what they truly are.
        faults: row in the part -> what is wrong with its image.
        records: (N,) as they are written.
        rng: for what is still to be drawn.
    """

    first: int
    plans: list[ProductPlan]
    faults: dict[int, str]
    records: list[noise.Record]
    rng: np.random.Generator


def _make_part(first: int, count: int, seeds: list[int], words: SampleVocabulary) -> _Part:
    # the length tells these numbers from those of an image
    rng = np.random.default_rng([*seeds, first, 0] if first else seeds)
    plans = plan_products(count, words, rng, first)
    faults = noise.draw_image_faults(count, rng)
    # the order of these steps is the order of the random numbers, hence part of what a seed means
    clean = _records(plans, words, faults, rng)
    records = [noise.with_faults(record, rng) for record in clean]
    return _Part(first, plans, faults, records, rng)


def _without_image(record: noise.Record) -> noise.Record:
    return {name: value for name, value in record.items() if name != "image"}


def _draw_images(root: Path, part: _Part, seeds: list[int], bar: ReadingProgress) -> None:
    """Draw the images of some products below `root`."""
    (root / "images").mkdir(exist_ok=True)
    for row, plan in enumerate(part.plans):
        # a seed of its own: an image does not change with those before it
        image_rng = np.random.default_rng([*seeds, part.first + row])
        _write_image(root / _image_path(plan), plan, part.faults.get(row), image_rng)
        bar.advance()


def _image_path(plan: ProductPlan) -> str:
    return f"images/{plan.id}.jpg"


def _records(
    plans: list[ProductPlan],
    words: SampleVocabulary,
    faults: dict[int, str],
    rng: np.random.Generator,
) -> list[noise.Record]:
    """The N records without faults, but for the images that will not be named."""
    texts = write_texts(plans, words, rng)
    related = _related(plans, rng)
    records: list[noise.Record] = []
    for row, plan in enumerate(plans):
        title, description = texts[row]
        categories = _categories(plan, words, rng)
        # prices of a category spread evenly on a logarithmic scale
        price = float(plan.leaf.price * rng.lognormal(0, 0.35))
        record = {
            "id": plan.id,
            "title": title,
            "description": description,
            "image": None if faults.get(row) == "unnamed" else _image_path(plan),
            "categories": categories,
            "price": round(price, 2),
            "brand": plan.brand,
            "related": {"also_bought": related[row]},
        }
        records.append(record)
    return records


def _categories(
    plan: ProductPlan, words: SampleVocabulary, rng: np.random.Generator
) -> list[list[str]]:
    """The product's own path, or by mistake another one, and the categories it is listed in besides."""
    path = [plan.department.name, plan.leaf.name]
    # half of the mistakes stay within the department, as people's do
    if rng.random() < MISLABELLED_SHARE:
        wrong = plan.department if rng.random() < 0.5 else pick(rng, words.departments)
        path = [wrong.name, pick(rng, wrong.leaf).name]
    listed = (
        (words.collections, plan.collection),
        (words.gifts, plan.gift),
        (words.prints, plan.print),
    )
    return [path, *([listing.shelf, name] for listing, name in listed if name is not None)]


def _related(plans: list[ProductPlan], rng: np.random.Generator) -> list[list[str]]:
    """Bought with each of the N products: mostly of its category, some of its department, a few others."""
    everyone = [plan.id for plan in plans]
    of_department: dict[str, list[str]] = defaultdict(list)
    of_category: dict[tuple[str, str], list[str]] = defaultdict(list)
    for plan in plans:
        of_department[plan.department.name].append(plan.id)
        of_category[plan.department.name, plan.leaf.name].append(plan.id)

    # bought together crosses categories, so it knows something that texts and images do not
    def companions(plan: ProductPlan) -> list[str]:
        same_category = of_category[plan.department.name, plan.leaf.name]
        pools = (same_category, of_department[plan.department.name], everyone)
        kinds = rng.choice(3, int(rng.integers(1, 9)), p=(0.5, 0.3, 0.2))
        drawn = [pick(rng, pools[kind]) for kind in kinds]
        # each once, in the order drawn, and never itself
        return [other for other in dict.fromkeys(drawn) if other != plan.id]

    return [companions(plan) for plan in plans]


def _write_image(
    path: Path, plan: ProductPlan, fault: str | None, rng: np.random.Generator
) -> None:
    """Draw the product and write what `fault` leaves of the image."""
    # of an earlier catalogue in this folder
    path.unlink(missing_ok=True)
    if fault in ("unnamed", "lost"):
        return
    kind = rng.random()
    # some shops show the packaging: the image then knows nothing of the product
    shape = "carton" if kind < CARTON_SHARE else plan.leaf.shape
    pattern = plan.print.lower() if plan.print and shape != "carton" else None
    is_detail = CARTON_SHARE <= kind < CARTON_SHARE + DETAIL_SHARE
    image = draw(ImageSpec(shape, plan.color, pattern, is_detail), rng)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(70, 92)))
    data = buffer.getvalue()
    written = data if fault is None else noise.damage_image(data, fault)
    if written is not None:
        path.write_bytes(written)
