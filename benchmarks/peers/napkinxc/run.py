"""napkinXC (Jasinska-Kobus et al.): a probabilistic label tree over TF-IDF."""

from __future__ import annotations

import tempfile

import numpy as np
from harness import Fitted, Floats, Inputs, PreparedData, main
from napkinxc.models import PLT
from sklearn.feature_extraction.text import TfidfVectorizer


def fit(task: PreparedData) -> Fitted:
    """TF-IDF of title and description, hierarchical k-means, a logistic regression a node."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    features = vectorizer.fit_transform(task.train.inputs.texts)
    targets = task.train.targets
    labels = [np.flatnonzero(row).tolist() for row in targets]
    # the model keeps its nodes in files
    model = PLT(tempfile.mkdtemp(), threads=2, seed=task.seed)
    model.fit(features, labels)
    width = targets.shape[1]

    def predict(inputs: Inputs) -> Floats:
        scores = np.zeros((len(inputs), width), np.float32)
        # a label of no training product is in no tree
        answers = model.predict_proba(vectorizer.transform(inputs.texts), top_k=width)
        for row, answer in zip(scores, answers, strict=True):
            for label, score in answer:
                row[label] = score
        return scores

    return Fitted(predict, {"note": "every label is scored (top_k = labels)"})


if __name__ == "__main__":
    main(fit, "napkinxc")
