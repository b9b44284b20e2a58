"""Fusion policies and calibrations as the last part of the graph: members' probabilities to one score a label.

Dimensions: B products, M members, L labels. Scores of absent members are 0.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.decision.calibration import Calibration
from shelfwise.errors import PluginError
from shelfwise.fusion.blend import CERTAIN as CERTAIN_PART
from shelfwise.fusion.logistic import EPSILON as CERTAIN_LOGIT
from shelfwise.metrics.calibration import EPSILON

MOST_SETS = 64
"""Sets of members with weights of their own that a graph is made for; each is worked out for every product."""

Arrays = Mapping[str, NDArray[Any]]


def join(system: str, plugin: str, policy: FusionPolicy) -> nn.Module:
    """The fitted `policy` of `system`, whose plug-in is `plugin`, as a network: scores (B, M, L) and presence (B, M) to (B, L).

    Raises:
        PluginError: the policy cannot be exported.
    """
    if plugin not in _JOINS:
        raise PluginError(
            f"the system {system!r} joins its members by {plugin}, which has no form as a graph; what can be exported: "
            f"{', '.join(_JOINS)}; set decide_with to such a system and train again"
        )
    return _Silenced(_JOINS[plugin](system, policy))


def calibrate(calibration: Calibration) -> nn.Module:
    """Scores (B, L) to probabilities, as :meth:`~shelfwise.decision.calibration.Calibration.apply`."""
    if calibration.method == "none":
        return nn.Identity()
    return (_Steps if calibration.method == "isotonic" else _Curves)(calibration.arrays)


class _Silenced(nn.Module):
    """The scores of `network`, but 0 for products that no member knows."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        fused: Tensor = self.network(scores, present)
        return fused * present.any(dim=1, keepdim=True)


class _Maximum(nn.Module):
    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        return scores.amax(dim=1)


class _Mean(nn.Module):
    def __init__(self, weights: Sequence[float] | None) -> None:
        super().__init__()
        self.weights = None if weights is None else nn.Buffer(torch.tensor(weights))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        shares = present.float() if self.weights is None else present * self.weights
        shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        return (shares.unsqueeze(2) * scores).sum(dim=1)


class _Network(nn.Module):
    """A policy network, whose answers are logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        logits: Tensor = self.network(scores, present)
        return logits.sigmoid()


class _Ridge(nn.Module):
    """A linear map for every set of present members: each product's answer is that of its own set."""

    def __init__(self, arrays: Arrays, numbers: list[int], members: int) -> None:
        super().__init__()
        labels = len(arrays[f"intercept_{numbers[0]}"])
        weights = np.zeros((len(numbers), members, labels, labels), np.float32)
        for place, number in enumerate(numbers):
            heard = [m for m in range(members) if number >> m & 1]
            weights[place, heard] = arrays[f"weights_{number}"].reshape(len(heard), labels, labels)
        self.weights = nn.Buffer(torch.from_numpy(weights.reshape(len(numbers), members * labels, labels)))
        self.intercepts = nn.Buffer(
            torch.from_numpy(np.stack([arrays[f"intercept_{number}"] for number in numbers]))
        )
        self.sets = nn.Buffer(
            torch.tensor([[bool(number >> m & 1) for m in range(members)] for number in numbers])
        )

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        answers = torch.matmul(scores.flatten(1), self.weights) + self.intercepts.unsqueeze(1)  # (sets, B, L)
        mine = (present.unsqueeze(0) == self.sets.unsqueeze(1)).all(dim=2)
        return (answers.clamp(0, 1) * mine.unsqueeze(2)).sum(dim=0)


class _Logistic(nn.Module):
    """One logistic regression a label for every solved set of members; a product is answered by the largest set within its own."""

    def __init__(self, arrays: Arrays, numbers: list[int], members: int) -> None:
        super().__init__()
        labels = arrays[f"own_{numbers[0]}"].shape[0]
        weights = np.zeros((len(numbers), 2, members, labels), np.float32)
        constants = np.zeros((len(numbers), labels), np.float32)
        for place, number in enumerate(numbers):
            heard = [m for m in range(members) if number >> m & 1]
            own = arrays[f"own_{number}"]  # (L, 2K + 1): 1, the logits, the shares
            constants[place] = own[:, 0]
            weights[place, :, heard] = own[:, 1:].T.reshape(2, len(heard), labels).transpose(1, 0, 2)
        self.weights, self.constants = (
            nn.Buffer(torch.from_numpy(weights)),
            nn.Buffer(torch.from_numpy(constants)),
        )
        self.centre = nn.Buffer(torch.from_numpy(np.array(arrays["centre"])).reshape(2, members, 1))
        # sets by falling size, then by number: the first that a product's members make up is the one that answers
        self.order = sorted(range(len(numbers)), key=lambda i: (-numbers[i].bit_count(), numbers[i]))
        self.sets = nn.Buffer(
            torch.tensor([[bool(number >> m & 1) for m in range(members)] for number in numbers])
        )

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        logits = torch.logit(scores, eps=CERTAIN_LOGIT)
        shares = logits - torch.logsumexp(logits, dim=2, keepdim=True)
        bits = present.unsqueeze(2)
        fused = scores.sum(dim=1) / bits.sum(dim=1).clamp_min(
            1
        )  # where no solved set is within the product's
        for place in reversed(self.order):
            said = (logits - self.centre[0]) * self.weights[place, 0] + (
                shares - self.centre[1]
            ) * self.weights[place, 1]
            answer = ((said * bits).sum(dim=1) + self.constants[place]).sigmoid()
            mine = (present | ~self.sets[place]).all(dim=1, keepdim=True)
            fused = torch.where(mine, answer, fused)
        return fused


class _Blend(nn.Module):
    """The weighted mean of several policies' logits."""

    def __init__(self, parts: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.parts, self.weights = nn.ModuleList(parts), [weight / sum(weights) for weight in weights]

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        answers = zip(self.parts, self.weights, strict=True)
        mixed: Tensor = torch.stack(
            [weight * torch.logit(part(scores, present), eps=CERTAIN_PART) for part, weight in answers]
        ).sum(dim=0)
        return mixed.sigmoid()


class _Curves(nn.Module):
    """A rising logistic curve a label."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self.weights = nn.Buffer(torch.from_numpy(np.array(arrays["weights"], np.float32)))  # (L, 3)

    def forward(self, scores: Tensor) -> Tensor:
        sure = scores.clamp(EPSILON, 1 - EPSILON)
        rising, falling, constant = self.weights.unbind(dim=1)
        likely = (
            (rising * sure.log() - falling * (1 - sure).log() + constant)
            .sigmoid()
            .clamp(EPSILON, 1 - EPSILON)
        )
        return torch.where(scores > 0, likely, 0.0)


class _Steps(nn.Module):
    """A curve a label, straight between its bends, mixed with the one that all labels share."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        labels = len(arrays["trust"])
        own = {name: arrays[f"own.{name}"] for name in ("places", "heights", "lowest", "highest")}
        shared = {name: arrays[f"shared.{name}"] for name in ("places", "heights", "lowest", "highest")}
        self.own, self.shared = _Bends(own, labels), _Bends(shared, 1)
        self.trust = nn.Buffer(torch.from_numpy(np.array(arrays["trust"], np.float32)))

    def forward(self, scores: Tensor) -> Tensor:
        likely = self.trust * self.own(scores) + (1 - self.trust) * self.shared(scores)
        return torch.where(scores > 0, likely.clamp(EPSILON, 1 - EPSILON), 0.0)


class _Bends(nn.Module):
    """Curves of up to K bends, as sums of ramps from bend to bend; one for each label, or one for all."""

    def __init__(self, curves: Arrays, labels: int) -> None:
        super().__init__()
        mine = [np.flatnonzero(curves["places"] // 2 == label) for label in range(labels)]
        width = max(2, *(len(rows) for rows in mine))
        places, heights = np.full((2, labels, width), 2.0), np.zeros((labels, width))
        for label, rows in enumerate(mine):
            if len(rows):
                places[0, label] = np.append(curves["places"][rows] - 2 * label, [2.0] * (width - len(rows)))
                heights[label] = np.append(
                    curves["heights"][rows], [curves["heights"][rows[-1]]] * (width - len(rows))
                )
        start, rise = places[0], np.diff(heights, axis=1)
        length = np.maximum(np.diff(start, axis=1), 1e-12)
        self.first, self.rise = (
            nn.Buffer(torch.from_numpy(v.astype(np.float32))) for v in (heights[:, 0], rise)
        )
        self.start, self.length = (nn.Buffer(torch.from_numpy(v)) for v in (start[:, :-1], length))
        self.lowest, self.highest = (
            nn.Buffer(torch.from_numpy(np.array(curves[name]))) for name in ("lowest", "highest")
        )

    def forward(self, scores: Tensor) -> Tensor:
        kept = torch.minimum(torch.maximum(scores.double(), self.lowest), self.highest)
        along = ((kept.unsqueeze(2) - self.start) / self.length).clamp(0, 1).float()
        return self.first + (along * self.rise).sum(dim=2)


def _numbers(system: str, arrays: Arrays, prefix: str) -> list[int]:
    """The sets of members that were solved for, rising; bit m of a number is set where member m is in the set."""
    numbers = sorted(int(name.removeprefix(prefix)) for name in arrays if name.startswith(prefix))
    if len(numbers) > MOST_SETS:
        raise PluginError(
            f"the system {system!r} has weights for {len(numbers)} sets of members, a graph holds at most {MOST_SETS}; "
            "join fewer members, or by the policy 'policy', and train again"
        )
    return numbers


def _ridge(system: str, policy: FusionPolicy) -> nn.Module:
    arrays = policy.state().arrays
    numbers = _numbers(system, arrays, "weights_")
    return _Ridge(arrays, numbers, max(numbers).bit_length())


def _logistic(system: str, policy: FusionPolicy) -> nn.Module:
    arrays = policy.state().arrays
    return _Logistic(arrays, _numbers(system, arrays, "own_"), arrays["centre"].shape[1])


def _policy_network(system: str, policy: FusionPolicy) -> nn.Module:
    # a copy on the processor: the policy's own network stays on the GPU that it may be on
    network = copy.deepcopy(policy.network_)  # type: ignore[attr-defined]
    return _Network(network.cpu())


def _blend(system: str, policy: FusionPolicy) -> nn.Module:
    wanted = policy.settings.parts
    fitted: Sequence[FusionPolicy] = policy.parts_  # type: ignore[attr-defined]
    parts = [join(system, one.policy, part) for one, part in zip(wanted, fitted, strict=True)]
    return _Blend(parts, [one.weight for one in wanted])


_JOINS: dict[str, Callable[[str, FusionPolicy], nn.Module]] = {
    "maximum": lambda system, policy: _Maximum(),
    "mean": lambda system, policy: _Mean(policy.settings.weights),
    "ridge": _ridge,
    "policy": _policy_network,
    "logistic": _logistic,
    "blend": _blend,
}
