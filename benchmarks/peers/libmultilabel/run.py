"""LibMultiLabel's linear methods over its TF-IDF: one-vs-rest (L2-regularised hinge) or a tree of labels."""

from __future__ import annotations

import libmultilabel.linear as linear
import numpy as np
import pandas as pd
from harness import Fitted, Floats, Inputs, PreparedData, main, sigmoid

OPTIONS = "-s 1 -B 1 -e 0.0001 -q -m 2"


def fit(task: PreparedData) -> Fitted:
    """As its quick start: load_dataset, Preprocessor, train."""
    labels = [" ".join(names) for names in task.train.label_ids]
    table = pd.DataFrame({"label": labels, "text": task.train.inputs.texts})
    preprocessor = linear.Preprocessor()
    np.random.seed(task.seed)  # noqa: NPY002 - the tree's clusters are drawn from the global state
    train = preprocessor.fit_transform(linear.load_dataset("dataframe", table))["train"]
    learn = {"1vsrest": linear.train_1vsrest, "tree": linear.train_tree}[task.variant]
    model = learn(train["y"], train["x"], options=OPTIONS, verbose=False)
    columns, width = (
        np.array(preprocessor.label_mapping, dtype=np.int64),
        task.train.targets.shape[1],
    )

    def predict(inputs: Inputs) -> Floats:
        features = preprocessor.vectorizer.transform(inputs.texts)
        scores = np.zeros((len(inputs), width), np.float32)
        if task.variant == "tree":
            scores[:, columns] = np.clip(model.predict_values(features, beam_width=width), 0, 1)
        else:
            scores[:, columns] = sigmoid(model.predict_values(features))
        return scores

    notes = {
        "1vsrest": "scores are the logistic of its decision values, so 0.5 is its own threshold",
        "tree": "every label is scored",
    }
    return Fitted(predict, {"note": notes[task.variant]})


if __name__ == "__main__":
    main(fit, "libmultilabel")
