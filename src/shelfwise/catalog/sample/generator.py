"""Writes the sample catalogue: plans, words, draws, spoils."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

import numpy as np

from shelfwise.catalog.reading.reader import NullReporter, ProgressReporter
from shelfwise.catalog.sample import noise as mess
from shelfwise.catalog.sample import vocabulary
from shelfwise.catalog.sample.images import ImageSpec, draw
from shelfwise.catalog.sample.products import ProductPlan, pick, plan_products
from shelfwise.catalog.sample.texts import write_texts
from shelfwise.catalog.sample.vocabulary import Vocabulary
from shelfwise.errors import CatalogError

MISTAGGED = 0.02
"""Share of the products that stand on a wrong shelf of their department, or of any."""

CARTONS, DETAILS = 0.09, 0.08
"""Share of the pictures that show a cardboard box, and a part instead of the whole."""


def write_sample(
    folder: Path | str, products: int = 3000, seed: int = 0, context: ProgressReporter | None = None
) -> Path:
    """Write a catalogue of drawn and described products, the same bytes for the same `products` and `seed`.

    Every field knows something that the others do not. A title may withhold the noun, a description the use, and a picture
    may show a carton or a shape that two categories share; besides its own shelf a product may stand in a collection (told
    only by the title), among the gifts (only by the description) and among the prints (only by the picture). The faults of
    real catalogues are there too: see :mod:`shelfwise.catalog.sample.noise`.

    Args:
        folder: made if it is not there; receives ``catalog.jsonl`` and ``images/``, both of which are overwritten.
        products: N, products with an id of their own; the file has some more lines, which repeat an id or are broken.
        seed: changes everything that is drawn by lot.
        context: told how far the drawing is.

    Returns:
        The catalogue file: a JSON object a line, with ``id``, ``title``, ``description``, ``image`` (path below `folder`),
        ``categories`` (list of two-level paths), ``price``, ``brand`` and ``related``.

    Raises:
        CatalogError: `products` is below 1.
    """
    if products < 1:
        raise CatalogError(f"a sample catalogue of {products} products cannot be written; ask for 1 or more")
    root = Path(folder)
    (root / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, products])
    words = vocabulary.load()
    plans = plan_products(products, words, rng)
    faults = mess.picture_faults(products, rng)
    clean = _records(plans, words, faults, rng)
    lines = mess.spoil_lines([mess.spoil(record, rng) for record in clean], rng)
    with (context or NullReporter()).progress("drawing the sample catalogue", products) as progress:
        for row, plan in enumerate(plans):
            _write_picture(
                root / _image(plan), plan, faults.get(row), np.random.default_rng([seed, products, row])
            )
            progress.advance()
    file = root / "catalog.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def _image(plan: ProductPlan) -> str:
    return f"images/{plan.id}.jpg"


def _records(
    plans: list[ProductPlan], words: Vocabulary, faults: dict[int, str], rng: np.random.Generator
) -> list[mess.Record]:
    """The N records before they are spoilt; which pictures will be missing is known already."""
    texts = write_texts(plans, words, rng)
    related = _related(plans, rng)
    return [
        {
            "id": plan.id,
            "title": title,
            "description": description,
            "image": None if faults.get(row) == "unnamed" else _image(plan),
            "categories": _categories(plan, words, rng),
            "price": round(float(plan.leaf.price * rng.lognormal(0, 0.35)), 2),
            "brand": plan.brand,
            "related": {"also_bought": related[row]},
        }
        for row, (plan, (title, description)) in enumerate(zip(plans, texts, strict=True))
    ]


def _categories(plan: ProductPlan, words: Vocabulary, rng: np.random.Generator) -> list[list[str]]:
    """The product's own path, or by mistake another one, and the shelves it is listed on besides."""
    own = [plan.department.name, plan.leaf.name]
    if rng.random() < MISTAGGED:
        wrong = plan.department if rng.random() < 0.5 else pick(rng, words.departments)
        own = [wrong.name, pick(rng, wrong.leaf).name]
    listed = ((words.collections, plan.collection), (words.gifts, plan.gift), (words.prints, plan.print))
    return [own, *([listing.shelf, name] for listing, name in listed if name is not None)]


def _related(plans: list[ProductPlan], rng: np.random.Generator) -> list[list[str]]:
    """Bought with each of the N products: mostly products of its leaf, some of its department, a few of anywhere."""
    everyone = [plan.id for plan in plans]
    peers: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        peers[plan.department.name].append(plan.id)
        peers[f"{plan.department.name} > {plan.leaf.name}"].append(plan.id)

    def companions(plan: ProductPlan) -> list[str]:
        pools = (peers[f"{plan.department.name} > {plan.leaf.name}"], peers[plan.department.name], everyone)
        drawn = [pick(rng, pools[kind]) for kind in rng.choice(3, int(rng.integers(1, 9)), p=(0.5, 0.3, 0.2))]
        return [other for other in dict.fromkeys(drawn) if other != plan.id]

    return [companions(plan) for plan in plans]


def _write_picture(path: Path, plan: ProductPlan, fault: str | None, rng: np.random.Generator) -> None:
    """Draw the product and save what `fault` leaves of it."""
    path.unlink(missing_ok=True)
    if fault in ("unnamed", "lost"):
        return
    kind = rng.random()
    shape = "carton" if kind < CARTONS else plan.leaf.shape
    pattern = plan.print.lower() if plan.print and shape != "carton" else None
    picture = draw(ImageSpec(shape, plan.color, pattern, detail=CARTONS <= kind < CARTONS + DETAILS), rng)
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=int(rng.integers(70, 92)))
    data = saved.getvalue()
    left = data if fault is None else mess.spoil_picture(data, fault)
    if left is not None:
        path.write_bytes(left)
