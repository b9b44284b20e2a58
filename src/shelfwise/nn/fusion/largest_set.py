"""Logistic stacking in the form that is exported: the regressions of the largest solved set of members.

Dimensions: B products, M members, L labels, S sets of members, G sets of labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shelfwise.core.label_inputs import EPSILON as INPUT_EPSILON
from shelfwise.core.label_sets import EPSILON, HIGHEST_LOGIT, LabelSets
from shelfwise.core.types import Bools, Floats


class LargestSet(nn.Module):
    """The last of S regressions whose set of members a product has, then its labels judged together.

    Args:
        weights: (S, 2, M, L) of logits and of log shares.
        constants: (S, L).
        centre: (2, M) what is taken from the inputs.
        sets: (S, M).
        label_sets: those of training products.
    """

    def __init__(
        self, weights: Floats, constants: Floats, centre: Floats, sets: Bools, label_sets: LabelSets
    ) -> None:
        super().__init__()
        arrays = {
            "weights": weights,
            "constants": constants,
            "centre": centre[:, :, None],
            "sets": sets,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array))
        # their places, from 1
        self.register_buffer("ranks", torch.arange(1, len(sets) + 1))
        # a byte each in the graph, numbers once it runs
        self.register_buffer("label_sets", torch.from_numpy(label_sets.members.toarray() > 0))
        self.label_sets_weight = label_sets.weight

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L) of scores (B, M, L), 0 where absent, and presence (B, M)."""
        # the same inputs as `label_inputs` makes
        logits = scores.logit(eps=INPUT_EPSILON)
        shares = logits - logits.logsumexp(dim=2, keepdim=True)
        centre = self.get_buffer("centre")
        mask = present.unsqueeze(2)
        # (B, S): the rank of each set within the product's members, 0 for the other sets
        is_within = (present.unsqueeze(1) | ~self.get_buffer("sets")).all(dim=2)
        last = (self.get_buffer("ranks") * is_within).amax(dim=1)
        chosen = (last - 1).clamp_min(0)
        # (B, 2, M, L): one regression a product, not all of them
        own = self.get_buffer("weights")[chosen]
        inputs = (logits - centre[0]) * own[:, 0] + (shares - centre[1]) * own[:, 1]
        alone = (inputs * mask).sum(dim=1) + self.get_buffer("constants")[chosen]
        by_set = self.joined(alone).sigmoid()
        # where no solved set is within the product's: the mean of its members' scores
        mean = scores.sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        return by_set.where((last > 0).unsqueeze(1), mean)

    def joined(self, alone: Tensor) -> Tensor:
        """Logits (B, L) as :meth:`LabelSets.joined` makes them of those of the labels alone."""
        if not self.label_sets_weight:
            return alone
        clipped = alone.clamp(-HIGHEST_LOGIT, HIGHEST_LOGIT)
        members = self.get_buffer("label_sets").to(alone.dtype)  # (G, L)
        of_sets = (clipped @ members.T).softmax(dim=1)
        # not 1 less the first: where nearly nothing is left of it, that has no digits
        with_label, without = of_sets @ members, of_sets @ (1 - members)
        among_sets = (
            with_label.clamp(EPSILON, 1 - EPSILON).log() - without.clamp(EPSILON, 1 - EPSILON).log()
        )
        return clipped.lerp(among_sets, self.label_sets_weight)
