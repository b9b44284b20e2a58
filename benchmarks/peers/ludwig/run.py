"""Ludwig: a convolutional encoder a text beside frozen image features, and its concatenating combiner."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pandas as pd
from harness import Fitted, Floats, Inputs, PreparedData, main
from ludwig.api import LudwigModel
from pretrained import image_features

EPOCHS, PATIENCE = 50, 5
TEXT = {"type": "parallel_cnn"}
CONFIG: dict[str, Any] = {
    "input_features": [
        {"name": "title", "type": "text", "encoder": TEXT},
        {"name": "description", "type": "text", "encoder": TEXT},
        {"name": "image", "type": "vector", "encoder": {"type": "dense"}},
    ],
    # it gives the probabilities of labels above its threshold: all of them
    "output_features": [{"name": "labels", "type": "set", "threshold": 0.0}],
    "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 512, "dropout": 0.3},
    "trainer": {"epochs": EPOCHS, "early_stop": PATIENCE, "batch_size": 64, "learning_rate": 1e-3},
    "backend": {"type": "local"},
}


def fit(task: PreparedData) -> Fitted:
    """Its defaults but for the layer after the combiner; stopped early on the validation loss."""
    model = LudwigModel({**CONFIG, "trainer": {**CONFIG["trainer"], "validation_metric": "loss"}})
    parts = [
        table(part.inputs).assign(labels=[" ".join(ids) for ids in part.label_ids])
        for part in (task.train, task.validation)
    ]
    with tempfile.TemporaryDirectory() as folder:
        model.train(
            training_set=parts[0],
            validation_set=parts[1],
            output_directory=folder,
            random_seed=task.seed,
            skip_save_processed_input=True,
            skip_save_log=True,
        )
    names = model.training_set_metadata["labels"]["idx2str"]
    width = task.train.targets.shape[1]
    # the others are its own marks, for what it does not know and for padding
    columns = {place: int(name) for place, name in enumerate(names) if name.isdigit()}

    def predict(inputs: Inputs) -> Floats:
        scores = np.zeros((len(inputs), width), np.float32)
        answers, _ = model.predict(table(inputs), skip_save_predictions=True)
        given = np.stack(answers["labels_probabilities"].to_numpy())
        scores[:, list(columns.values())] = given[:, list(columns)]
        return scores

    return Fitted(
        predict,
        {"note": "frozen EfficientNet-Lite0 (ImageNet) from a package; stopped early"},
    )


def table(inputs: Inputs) -> pd.DataFrame:
    """The products as it reads them: a vector is text."""
    vectors = image_features(inputs.images)
    columns = {
        "title": inputs.titles,
        "description": inputs.descriptions,
        "image": [" ".join(map(str, vector)) for vector in vectors],
    }
    return pd.DataFrame(columns)


if __name__ == "__main__":
    main(fit, "ludwig", refit=False)
