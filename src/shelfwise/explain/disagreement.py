"""Products on which two members contradict each other: "image: Shoes, title: Laces".

Dimensions: N products, M members, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from shelfwise.core.types import MemberOutputs
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

MIN_STRENGTH = 0.5
"""Weaker disagreements are not worth a look."""


@dataclass(frozen=True)
class Disagreement:
    """One product on which two members contradict each other.

    Args:
        row: the product.
        members: the two, by their places.
        labels: what the first predicts and the second denies, then the other way round.
        scores: of each label, the score of the member that predicts it, and that of the other.
        strength: in [0, 1]; 1 where each is certain of its label and certain that the other's is wrong.
    """

    row: int
    members: tuple[int, int]
    labels: tuple[int, int]
    scores: tuple[tuple[float, float], tuple[float, float]]
    strength: float


def disagreements(
    outputs: MemberOutputs, fields: Sequence[str], top: int = 12
) -> list[Disagreement]:
    """The `top` strongest disagreements, strongest first, at most one a product.

    A member holds a label against another with its score times the other's doubt, ``p * (1 - q)``. A
    disagreement is as strong as the geometric mean of what the two hold against each other. Only members that
    read different fields, both of them present, are compared: two readers of one title disagree about models,
    not about the product.

    Args:
        fields: what each of the M members reads, joined by + where there are several.
    """
    count = len(outputs)
    strength = np.zeros(count)
    # a row: the two members, the label the first holds, the label the second holds
    strongest = np.zeros((count, 4), np.int64)
    for a, b in combinations(range(len(fields)), 2):
        if set(fields[a].split("+")) & set(fields[b].split("+")):
            continue
        first = outputs.scores[:, a]
        second = outputs.scores[:, b]
        held_by_first = first * (1 - second)
        held_by_second = second * (1 - first)
        both_present = outputs.present[:, a] & outputs.present[:, b]
        pair = np.sqrt(held_by_first.max(axis=1) * held_by_second.max(axis=1)) * both_present
        # of the pairs of members, each product keeps its strongest
        better = np.flatnonzero(pair > strength)
        strength[better] = pair[better]
        strongest[better, 0] = a
        strongest[better, 1] = b
        strongest[better, 2] = held_by_first[better].argmax(axis=1)
        strongest[better, 3] = held_by_second[better].argmax(axis=1)
    # stable: of equals the first product of the catalogue comes first
    rows = np.argsort(-strength, kind="stable")[:top]
    found = []
    for row in rows.tolist():
        if strength[row] >= MIN_STRENGTH:
            found.append(_described(outputs, row, strongest[row].tolist(), float(strength[row])))
    return found


def contradictions(
    model: Model, answers: MemberPredictions, top: int = 12
) -> list[tuple[int, float, list[dict[str, Any]]]]:
    """The products on which two of the final system's members contradict each other most, strongest first.

    Returns:
        At most `top` times the row, the strength, and the two sides: {"member", "label", "score", "other",
        "against"}.
    """
    members = model.members_of(model.decide_with)
    # one alone contradicts nobody, and its predictions may be too large to be stacked
    if len(members) < 2:
        return []
    # members know the labels they were trained on, also in a migrated model
    names = model.labels.names if model.label_mapping is None else model.label_mapping.before
    fields = [model.config.members[member].field for member in members]
    found = disagreements(answers.outputs(members), fields, top)
    return [(one.row, one.strength, _sides(one, members, names)) for one in found]


def _described(
    outputs: MemberOutputs, row: int, found: Sequence[int], strength: float
) -> Disagreement:
    """One product's disagreement, with the scores of both members for both labels."""
    a, b, label_of_a, label_of_b = found
    scores = outputs.scores[row].astype(np.float64)
    first = (scores[a, label_of_a].item(), scores[b, label_of_a].item())
    second = (scores[b, label_of_b].item(), scores[a, label_of_b].item())
    return Disagreement(row, (a, b), (label_of_a, label_of_b), (first, second), strength)


def _sides(
    found: Disagreement, members: Sequence[str], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Either member's side of a disagreement, JSON-ready."""
    sides = []
    # of two members each is the other's other
    others = found.members[::-1]
    for own, other, label, scores in zip(
        found.members, others, found.labels, found.scores, strict=True
    ):
        score, against = scores
        sides.append(
            {
                "member": members[own],
                "label": names[label],
                "score": score,
                "other": members[other],
                "against": against,
            }
        )
    return sides
