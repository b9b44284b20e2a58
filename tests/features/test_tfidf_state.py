"""Vocabularies come back from a saved model in their order."""

import numpy as np

from shelfwise.features.tfidf import TfidfVocabulary
from shelfwise.features.tfidf_state import restored_vocabularies, vocabulary_arrays


def test_many_vocabularies_keep_their_order() -> None:
    vocabularies = [
        TfidfVocabulary(np.array([i], np.uint64), np.array([i / 2], np.float32)) for i in range(12)
    ]
    arrays = {**vocabulary_arrays(vocabularies), "bias": np.zeros(3, np.float32)}
    restored = restored_vocabularies(arrays)
    assert [int(vocabulary.keys[0]) for vocabulary in restored] == list(range(12))
    assert [float(vocabulary.weights[0]) for vocabulary in restored] == [i / 2 for i in range(12)]
    assert restored_vocabularies({"bias": np.zeros(3)}) == ()
