"""How many wrong labels a person finds in a queue of the review page, beside the same effort in random order.

python benchmarks/review_queue.py MODEL CATALOG.jsonl --out DIR [--effort 0.05 0.1 0.2] [--seeds 0 1 2 3 4]

The catalogue has JSON lines with right labels, of products that the model was not trained on. Two jobs:

- "Perhaps wrong": one category path of 5 % of the products is made wrong (dropped, added or swapped, a third
  each). A wrong label is one that the spoilt catalogue has and the right one has not, or the other way round.
- "Uncertain": the labels that the model suggests. A wrong one is suggested and not right, or right, known to
  the model and not suggested.

A person looks at the first products of the queue and sees every wrong label of these. Where the queue is
shorter than the effort, the rest is looked at in random order. Random order is computed, not drawn: it finds
the effort's share of all wrong labels on average. Pictures are left out.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described

from shelfwise.catalog.labels import flatten
from shelfwise.commands.review_products import review_products
from shelfwise.core.types import Context, Int64Array
from shelfwise.export.loading import open_model
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.queues import Filter, Queue, Queues

KINDS = ("dropped", "added", "swapped")

CategoryPath = tuple[str, ...]


def main() -> None:
    """Print a line a queue and effort, and leave all figures in ``review_queue.json``."""
    parser = described(__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.05, help="of the products to change")
    parser.add_argument("--effort", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    records = [json.loads(line) for line in args.catalog.read_text("utf-8").splitlines()]
    runs = [one_seed(args.model, records, args.share, args.effort, seed) for seed in args.seeds]
    found: dict[str, Any] = {"command": vars(args), "products": len(records), "runs": runs}
    for queue in ("wrong", "uncertain"):
        for effort in args.effort:
            ratios = [run[queue][str(effort)]["over_random"] for run in runs]
            print(
                f"{queue:10} {effort:4.0%} of the products: {np.mean(ratios):.2f} times as many "
                f"wrong labels as in random order ({min(ratios):.2f} to {max(ratios):.2f})"
            )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "review_queue.json").write_text(json.dumps(found, indent=1, default=str), "utf-8")


def one_seed(
    model_folder: Path,
    records: Sequence[dict[str, Any]],
    share: float,
    efforts: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    """Make labels wrong, open the review, look at the first products of the queues."""
    model = open_model(model_folder)
    right = [paths_of(record) for record in records]
    given = with_wrong_paths(right, share, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "catalog.jsonl"
        lines = [
            json.dumps({**record, "categories": paths})
            for record, paths in zip(records, given, strict=True)
        ]
        source.write_text("\n".join(lines), "utf-8")
        products = review_products(model_folder, model, source, Context())
    # what the reader refused is not reviewed
    rows = {str(identity_of(record)): place for place, record in enumerate(records)}
    places = [rows[identity] for identity in products.ids]
    mode = model.labels.mode
    truth = [frozenset(flatten(right[place], mode)) for place in places]
    wrong_given = [
        len(truth[row] ^ (products.given[row] or frozenset())) for row in range(len(products))
    ]
    known = frozenset(products.names)
    wrong_suggested = [
        len((truth[row] & known) ^ frozenset(products.suggestion(row)))
        for row in range(len(products))
    ]
    return {
        "seed": seed,
        "wrong": found_in("wrong", products, np.array(wrong_given), efforts),
        "uncertain": found_in("uncertain", products, np.array(wrong_suggested), efforts),
    }


def found_in(
    queue: Queue, products: ReviewProducts, wrong: Int64Array, efforts: Sequence[float]
) -> dict[str, Any]:
    """The wrong labels that are found at each effort.

    Args:
        wrong: (N,) how many labels of each product are wrong.
    """
    queues = Queues(products)
    order = queues.rows(Filter(queue=queue, state="any"), {})
    chosen = set(order)
    order += [row for row in queues.sample.tolist() if row not in chosen]
    values: dict[str, Any] = {"queue_products": len(chosen), "wrong_labels": int(wrong.sum())}
    for effort in efforts:
        looked_at = round(effort * len(products))
        found = int(wrong[order[:looked_at]].sum())
        by_chance = wrong.sum() * looked_at / len(products)
        values[str(effort)] = {
            "products": looked_at,
            "found": found,
            "found_in_random_order": round(float(by_chance), 1),
            "over_random": round(float(found / by_chance), 3),
        }
    return values


def with_wrong_paths(
    right: Sequence[list[CategoryPath]], share: float, rng: np.random.Generator
) -> list[list[CategoryPath]]:
    """The paths, one of them wrong in a share of the products; others are drawn by their frequency."""
    counts = Counter(path for paths in right for path in paths)
    names = list(counts)
    frequency = np.array([counts[name] for name in names], float)
    frequency /= frequency.sum()
    given = [list(paths) for paths in right]
    for number, place in enumerate(rng.permutation(len(right))[: round(share * len(right))]):
        kind = KINDS[number % len(KINDS)]
        paths = given[place]
        if kind != "added" and paths:
            paths.pop(int(rng.integers(len(paths))))
        if kind != "dropped":
            paths.append(drawn_beside(right[place], names, frequency, rng))
    return given


def drawn_beside(
    present: list[CategoryPath],
    names: list[CategoryPath],
    frequency: np.ndarray,
    rng: np.random.Generator,
) -> CategoryPath:
    """A path by its frequency that the product does not have."""
    while True:
        drawn = names[int(rng.choice(len(names), p=frequency))]
        if drawn not in present:
            return drawn


def paths_of(record: dict[str, Any]) -> list[CategoryPath]:
    return [tuple(path) for path in record["categories"]]


def identity_of(record: dict[str, Any]) -> Any:
    return record.get("id", record.get("asin"))


if __name__ == "__main__":
    main()
