"""Linear text classifiers, beside LibMultiLabel's.

python benchmarks/linear_text.py CATALOG [--min-count N] [--scale S]

The first products of CATALOG, all at scale 1; every fifth is only predicted. Ours is ``text_linear`` of title
and description with its default settings. The rival is its TF-IDF and ``train_1vsrest`` of both texts put
together, as in its quick start. Both begin with texts. F1 is micro-F1. Its threshold is tuned on half of the
predicted products, and it is measured on the others.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from timing import Clock, environment, in_turn, parser, ratios, tuned_micro_f1, write

OURS: dict[str, dict[str, Any]] = {
    "shelfwise": {},
    "shelfwise-pairs": {"letters": ()},
    "shelfwise-words": {"words": (1,), "letters": ()},
}
"""By default; words and pairs of words; and, as the rival counts, single words only."""
OPTIONS = "-s 1 -B 1 -e 0.0001 -q -m 2"


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=1.0)
    options.add_argument("catalog", type=Path)
    options.add_argument("--min-count", type=int, default=20)
    args = options.parse_args()
    if args.child:
        child(args.child, args.catalog)
        return
    requirements = (
        (Path(__file__).parent / "peers" / "libmultilabel" / "requirements.txt")
        .read_text("utf-8")
        .split("\n")
    )
    with tempfile.TemporaryDirectory() as folder:
        prepare(args.catalog, Path(folder), args.scale, args.min_count)
        rival = environment("libmultilabel", requirements)
        systems = {**{name: [None, folder] for name in OURS}, "libmultilabel": [rival, folder]}
        runs = in_turn(__file__, systems, args)
    figures = ("seconds_fit", "cpu_fit", "seconds_predict", "cpu_predict", "micro_f1", "peak_mib")
    compared = {
        f"libmultilabel over {ours}, {figure}": ratios(runs, ours, "libmultilabel", figure)
        for ours in OURS
        for figure in figures
    }
    write("linear_text", args, runs, {name: found for name, found in compared.items() if found})


def prepare(catalog: Path, folder: Path, scale: float, min_count: int) -> None:
    """Texts and targets of the products that have both."""
    from shelfwise.catalog.labels import LabelSet
    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.config import LabelSettings

    read = read_catalog(catalog).catalog
    read = read.take(np.arange(round(len(read.ids) * scale)))
    categories = read.column("categories")
    targets = LabelSet.fit(categories, LabelSettings(min_count=min_count)).encode(categories)
    rows = np.flatnonzero(targets.any(axis=1))
    texts = [[read.column(field)[row] or "" for row in rows] for field in ("title", "description")]
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    np.save(folder / "targets.npy", targets[rows])


def child(system: str, folder: Path) -> None:
    """One system: fit on four fifths, predict the last."""
    texts, targets = (
        json.loads((folder / "texts.json").read_text("utf-8")),
        np.load(folder / "targets.npy"),
    )
    test = np.arange(len(targets)) % 5 == 0
    clock = Clock()
    if system in OURS:
        scores = with_shelfwise(clock, texts, targets, test, OURS[system])
    else:
        scores = with_libmultilabel(clock, texts, targets, test)
    clock.note(
        micro_f1=tuned_micro_f1(scores, targets[test]),
        train=int((~test).sum()),
        labels=targets.shape[1],
    )
    clock.finish()


def with_shelfwise(
    clock: Clock, texts: Any, targets: Any, test: Any, settings: dict[str, Any]
) -> Any:
    from shelfwise.core.catalog import Catalog
    from shelfwise.core.types import Context, Examples
    from shelfwise.modalities.text_linear import TextLinear, TextLinearSettings

    member, context = TextLinear(TextLinearSettings(**settings), "title+description"), Context()

    def catalog(wanted: Any) -> Catalog:
        rows = np.flatnonzero(wanted).tolist()
        return Catalog.from_records(
            [{"id": str(i), "title": texts[0][i], "description": texts[1][i]} for i in rows]
        )

    train = catalog(~test)
    predicted = catalog(test)
    clock.time(
        "fit",
        lambda: member.fit(Examples(member.prepare(train, context), targets[~test]), None, context),
    )
    return clock.time(
        "predict", lambda: member.predict(member.prepare(predicted, context), context)[0]
    )


def with_libmultilabel(clock: Clock, texts: Any, targets: Any, test: Any) -> Any:
    import pandas as pd
    from libmultilabel import linear

    texts_together = [
        f"{title} {description}".strip() for title, description in zip(*texts, strict=True)
    ]
    labels = [" ".join(map(str, np.flatnonzero(row))) for row in targets]
    preprocessor = linear.Preprocessor()
    table = pd.DataFrame({"label": labels, "text": texts_together})

    def fit() -> Any:
        train = preprocessor.fit_transform(linear.load_dataset("dataframe", table[~test]))["train"]
        return linear.train_1vsrest(train["y"], train["x"], options=OPTIONS, verbose=False)

    model = clock.time("fit", fit)
    predicted = [text for text, wanted in zip(texts_together, test, strict=True) if wanted]
    values = clock.time(
        "predict", lambda: model.predict_values(preprocessor.vectorizer.transform(predicted))
    )
    scores = np.zeros((len(predicted), targets.shape[1]), np.float32)
    scores[:, np.array(preprocessor.label_mapping, dtype=np.int64)] = 1 / (
        1 + np.exp(-np.clip(values, -60, 60))
    )
    return scores


if __name__ == "__main__":
    main()
