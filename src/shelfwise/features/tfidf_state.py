"""TF-IDF vocabularies inside a saved model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from shelfwise.features.tfidf import TfidfVocabulary

PREFIX = "space."
"""Of the names that vocabularies have in a saved model."""


def vocabulary_arrays(vocabularies: Sequence[TfidfVocabulary]) -> dict[str, NDArray[Any]]:
    """The n-grams and weights of each vocabulary, named by its place."""
    arrays: dict[str, NDArray[Any]] = {}
    for i, vocabulary in enumerate(vocabularies):
        arrays[f"{PREFIX}{i}.keys"] = vocabulary.keys
        arrays[f"{PREFIX}{i}.weights"] = vocabulary.weights
    return arrays


def restored_vocabularies(arrays: Mapping[str, NDArray[Any]]) -> tuple[TfidfVocabulary, ...]:
    """The vocabularies whose arrays are among `arrays`."""
    # two arrays a vocabulary: its keys and their weights
    count = sum(name.startswith(PREFIX) for name in arrays) // 2
    return tuple(
        TfidfVocabulary(arrays[f"{PREFIX}{i}.keys"], arrays[f"{PREFIX}{i}.weights"])
        for i in range(count)
    )
