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
        self.weights = nn.Buffer(torch.from_numpy(weights))
        self.constants = nn.Buffer(torch.from_numpy(constants))
        self.centre = nn.Buffer(torch.from_numpy(centre[:, :, None]))
        self.sets = nn.Buffer(torch.from_numpy(sets))
        # their places, from 1
        self.ranks = nn.Buffer(torch.arange(1, len(sets) + 1))
        # a byte each in the graph, numbers once it runs
        self.label_sets = nn.Buffer(torch.from_numpy(label_sets.members.toarray() > 0))
        self.label_sets_weight = label_sets.weight

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L) of scores (B, M, L), 0 where absent, and presence (B, M)."""
        # the same inputs as `label_inputs` makes
        logits = scores.logit(eps=INPUT_EPSILON)
        shares = logits - logits.logsumexp(dim=2, keepdim=True)
        mask = present.unsqueeze(2)
        # (B, S): the rank of each set within the product's members, 0 for the other sets
        is_within = (present.unsqueeze(1) | ~self.sets).all(dim=2)
        last = (self.ranks * is_within).amax(dim=1)
        chosen = (last - 1).clamp_min(0)
        # (B, 2, M, L): one regression a product, not all of them
        own = self.weights[chosen]
        of_logits = (logits - self.centre[0]) * own[:, 0]
        of_shares = (shares - self.centre[1]) * own[:, 1]
        alone = ((of_logits + of_shares) * mask).sum(dim=1) + self.constants[chosen]
        by_set = self.joined(alone).sigmoid()
        # where no solved set is within the product's: the mean of its members' scores
        mean = scores.sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        return by_set.where((last > 0).unsqueeze(1), mean)

    def joined(self, alone: Tensor) -> Tensor:
        """Logits (B, L) as :meth:`LabelSets.joined` makes them of those of the labels alone."""
        if not self.label_sets_weight:
            return alone
        clipped = alone.clamp(-HIGHEST_LOGIT, HIGHEST_LOGIT)
        members = self.label_sets.to(alone.dtype)  # (G, L)
        of_sets = (clipped @ members.T).softmax(dim=1)
        # not 1 less the first: where nearly nothing is left of it, that has no digits
        with_label = of_sets @ members
        without = of_sets @ (1 - members)
        likely = with_label.clamp(EPSILON, 1 - EPSILON).log()
        unlikely = without.clamp(EPSILON, 1 - EPSILON).log()
        return clipped.lerp(likely - unlikely, self.label_sets_weight)
