"""Products on which two members contradict each other: "image says Shoes, title says Laces".

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


@dataclass(frozen=True)
class Disagreement:
    """One product on which two members contradict each other.

    Args:
        row: the product.
        members: the two, by their places.
        labels: what the first holds and the second denies, and what the second holds and the first denies.
        scores: of each label, what its holder says, and what the other says.
        strength: in [0, 1]; 1 where each is certain of its label and certain that the other's is wrong.
    """

    row: int
    members: tuple[int, int]
    labels: tuple[int, int]
    scores: tuple[tuple[float, float], tuple[float, float]]
    strength: float


def disagreements(
    outputs: MemberOutputs, fields: Sequence[str], top: int = 12, weakest: float = 0.5
) -> list[Disagreement]:
    """The `top` strongest disagreements, strongest first, at most one a product.

    How strongly a member holds against another that a label is right is its score times what the other leaves to doubt,
    ``p * (1 - q)``; a disagreement is as strong as the geometric mean of what the two hold against each other. Only
    members that read different fields, both of them present, are compared: two readers of one title
    disagree about models, not about the product.

    Args:
        fields: what each of the M members reads, joined by + where there are several.
        weakest: what is weaker is left out.
    """
    count = len(outputs)
    strength, kept = np.zeros(count), np.zeros((count, 4), np.int64)
    for a, b in combinations(range(len(fields)), 2):
        if {*fields[a].split("+")} & {*fields[b].split("+")}:
            continue
        p, q = outputs.scores[:, a], outputs.scores[:, b]
        holds, denies = p * (1 - q), q * (1 - p)
        pair = np.sqrt(holds.max(axis=1) * denies.max(axis=1)) * (
            outputs.present[:, a] & outputs.present[:, b]
        )
        better = np.flatnonzero(pair > strength)
        strength[better] = pair[better]
        kept[better] = np.column_stack(
            [
                np.full(len(better), a),
                np.full(len(better), b),
                holds[better].argmax(axis=1),
                denies[better].argmax(axis=1),
            ]
        )
    rows = np.argsort(-strength, kind="stable")[:top]
    return [
        _described(outputs, row, kept[row].tolist(), float(strength[row]))
        for row in rows.tolist()
        if strength[row] >= weakest
    ]


def _described(outputs: MemberOutputs, row: int, found: Sequence[int], strength: float) -> Disagreement:
    a, b, held, denied = found
    scores = outputs.scores[row].astype(np.float64)
    said = (
        (scores[a, held].item(), scores[b, held].item()),
        (scores[b, denied].item(), scores[a, denied].item()),
    )
    return Disagreement(row, (a, b), (held, denied), said, strength)


def contradictions(
    model: Model, answers: MemberPredictions, top: int = 12
) -> list[tuple[int, float, list[dict[str, Any]]]]:
    """The products on which two of the deciding system's members contradict each other most, strongest first.

    Returns:
        At most `top` times the row, the strength, and what each of the two says: {"member", "label", "score", "other", "against"}.
    """
    members = model.members_of(model.decide_with)
    names = model.labels.names if model.label_mapping is None else model.label_mapping.before
    found = disagreements(answers.outputs(members), [model.config.members[m].field for m in members], top)

    def sides(d: Disagreement) -> list[dict[str, Any]]:
        both = zip(d.members, d.members[::-1], d.labels, d.scores, strict=True)
        return [
            {
                "member": members[own],
                "label": names[label],
                "score": score,
                "other": members[other],
                "against": against,
            }
            for own, other, label, (score, against) in both
        ]

    return [(d.row, d.strength, sides(d)) for d in found]
