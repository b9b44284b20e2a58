"""pytorch-widedeep: a recurrent network for the text beside frozen image features, and a hidden layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from harness import Fitted, Floats, Inputs, PreparedData, main, sigmoid
from pretrained import image_features
from pytorch_widedeep import Trainer
from pytorch_widedeep.callbacks import EarlyStopping
from pytorch_widedeep.losses_multitarget import MultiTargetClassificationLoss
from pytorch_widedeep.models import BasicRNN, WideDeep
from pytorch_widedeep.preprocessing import TextPreprocessor

EPOCHS, PATIENCE = 40, 4


class Pictures(torch.nn.Module):
    """Stands where its own image network would: the features were computed beforehand, once."""

    output_dim = 1280

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, 1280, 1, 1) to (B, 1280)."""
        return features.flatten(1)


def fit(task: PreparedData) -> Fitted:
    """One binary target a label; stopped early on the validation loss."""
    torch.manual_seed(task.seed)
    width = task.train.targets.shape[1]
    words = TextPreprocessor("text", maxlen=100, min_freq=2, n_cpus=1, verbose=0)
    words.fit(pd.DataFrame({"text": task.train.inputs.texts}))

    def arrays(inputs: Inputs) -> dict[str, np.ndarray]:
        texts = words.transform(pd.DataFrame({"text": inputs.texts}))
        return {"X_text": texts, "X_img": image_features(inputs.images)[:, None, None]}

    reader = BasicRNN(
        len(words.vocab.itos),
        embed_dim=100,
        hidden_dim=128,
        n_layers=1,
        bidirectional=True,
        rnn_type="gru",
    )
    network = WideDeep(
        deeptext=reader,
        deepimage=Pictures(),
        head_hidden_dims=[512],
        head_dropout=0.3,
        pred_dim=width,
    )
    loss = MultiTargetClassificationLoss(binary_config=list(range(width)))
    stop = EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    trainer = Trainer(
        network,
        objective="multitarget",
        custom_loss_function=loss,
        callbacks=[stop],
        num_workers=0,
        seed=task.seed,
        verbose=0,
    )
    train, validation = (
        {**arrays(part.inputs), "target": part.targets} for part in (task.train, task.validation)
    )
    trainer.fit(X_train=train, X_val=validation, n_epochs=EPOCHS, batch_size=64)
    epochs = len(trainer.history["train_loss"])

    def predict(inputs: Inputs) -> Floats:
        return sigmoid(
            trainer.predict_proba(X_test=arrays(inputs))
        )  # for several targets it gives logits

    return Fitted(
        predict,
        {
            "note": "frozen EfficientNet-Lite0 (ImageNet) from a package; bidirectional GRU; "
            f"{epochs} epochs (stopped early)"
        },
    )


if __name__ == "__main__":
    main(fit, "pytorch-widedeep", refit=False)
