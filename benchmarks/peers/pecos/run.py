"""PECOS (Yu et al.): XR-Linear, a tree of labels over TF-IDF."""

from __future__ import annotations

import numpy as np
from harness import Fitted, Floats, Inputs, PreparedData, main
from pecos.xmc import Indexer, LabelEmbeddingFactory
from pecos.xmc.xlinear.model import XLinearModel
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer


def fit(task: PreparedData) -> Fitted:
    """TF-IDF of title and description, PIFA label embeddings, hierarchical k-means, a linear model a node."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    features = csr_matrix(vectorizer.fit_transform(task.train.inputs.texts))
    targets = csr_matrix(task.train.targets)
    clusters = Indexer.gen(LabelEmbeddingFactory.create(targets, features))
    model = XLinearModel.train(features, targets, C=clusters, threads=2)
    width = targets.shape[1]

    def predict(inputs: Inputs) -> Floats:
        wanted = csr_matrix(vectorizer.transform(inputs.texts), dtype=np.float32)
        scores = model.predict(wanted, only_topk=width, beam_size=width, threads=2)
        return np.clip(scores.toarray(), 0, 1)

    return Fitted(predict, {"note": "every label is scored (beam = labels)"})


if __name__ == "__main__":
    main(fit, "libpecos")
