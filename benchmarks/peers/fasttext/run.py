"""fastText (Joulin et al.): mean of hashed word and bigram vectors, one-vs-all."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import fasttext
import numpy as np
from harness import Fitted, Floats, Inputs, PreparedData, main

PREFIX = "__label__"
SETTINGS = {"loss": "ova", "lr": 0.5, "epoch": 25, "wordNgrams": 2, "thread": 2, "verbose": 0}


def fit(task: PreparedData) -> Fitted:
    """Train on a file of its own format; unigrams alone end in "Encountered NaN" on small catalogues."""
    labels = [" ".join(f"{PREFIX}{name}" for name in names) for names in task.train.label_ids]
    lines = [
        f"{names} {words}" for names, words in zip(labels, prepared(task.train.inputs), strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "train.txt")
        file.write_text("\n".join(lines) + "\n", "utf-8")
        model = fasttext.train_supervised(input=str(file), **SETTINGS)
    width = task.train.targets.shape[1]

    def predict(inputs: Inputs) -> Floats:
        scores = np.zeros((len(inputs), width), np.float32)
        for row, (names, values) in enumerate(
            zip(*model.predict(prepared(inputs), k=-1), strict=True)
        ):
            scores[row, [int(name.removeprefix(PREFIX)) for name in names]] = np.clip(values, 0, 1)
        return scores

    return Fitted(
        predict,
        {
            "note": "25 epochs, bigrams, one-vs-all; two threads without locks: no two runs are the same"
        },
    )


def prepared(inputs: Inputs) -> list[str]:
    """As its tutorial does: lower case, punctuation apart, one line a text."""
    return [" ".join(re.sub(r"([^\w\s])", r" \1 ", text.lower()).split()) for text in inputs.texts]


if __name__ == "__main__":
    main(fit, "fasttext-numpy2-wheel")
