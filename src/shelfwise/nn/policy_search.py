"""Looking for the best policy network: which members it reads, its layers, activations, dropout and learning rate.

The paper (section 4) chose its networks by such a search; both of them are always among the trials. A trial is judged
on validation products alone: micro-F1 at the best threshold there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.errors import ConfigError
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.policy_network import PolicyNetwork, PolicySettings, fit_policy, run_policy

Parts = tuple[MemberOutputs, Floats]

UNITS = (64, 100, 150, 200, 270, 330, 400, 512)
ACTIVATIONS = ("sigmoid", "tanh", "relu")
MOST_LAYERS = 3
DROPOUT = (0.0, 0.2, 0.5)
LEARNING_RATES = (3e-4, 1e-3, 3e-3)
PAPER = (((200, "sigmoid"), (150, "sigmoid")), ((330, "sigmoid"), (270, "tanh")))
"""The paper's networks (section 4): for two members, and for three."""


@dataclass(frozen=True)
class SearchCandidate:
    """One point of the space.

    Args:
        members: places of the members that the network reads.
        settings: of the network.
    """

    members: tuple[int, ...]
    settings: PolicySettings

    def fit(self, train: Parts, validation: Parts, context: Context) -> tuple[PolicyNetwork, int]:
        """The network on these members alone, and the epoch its weights are from."""
        return fit_policy(
            self.read(train[0]), train[1], (self.read(validation[0]), validation[1]), self.settings, context
        )

    def fuse(self, network: PolicyNetwork, outputs: MemberOutputs) -> Floats:
        """Scores (N, L); products that only members outside the choice know get the mean of these."""
        read = self.read(outputs)
        mean = outputs.scores.sum(axis=1) / np.maximum(outputs.present.sum(axis=1), 1)[:, None]
        known = read.present.any(axis=1, keepdims=True)
        return np.where(known, run_policy(network, read), mean).astype(np.float32)

    def read(self, outputs: MemberOutputs) -> MemberOutputs:
        """The chosen members' answers."""
        return outputs.members(self.members)


@dataclass(frozen=True)
class SearchResult:
    """The best choice, its micro-F1 on validation, and all trials in their order, JSON-ready."""

    choice: SearchCandidate
    micro_f1: float
    trials: list[dict[str, Any]]


def search_policy(
    train: Parts,
    validation: Parts,
    base: PolicySettings,
    trials: int,
    timeout: float | None,
    context: Context,
) -> SearchResult:
    """Try `trials` networks, the paper's two first; Optuna's TPE proposes the others from how the earlier ones did.

    With ``context.cache`` the trials are kept in a file there, by data and settings: a search that was broken off goes
    on behind its last finished trial, and one that asks for more trials adds to it. The seed of each proposal is that
    of the context and its number, so a continued search tries what an unbroken one would.

    Args:
        train: the members' answers about N products, and the targets (N, L).
        validation: likewise, of products the members did not learn from; judges, and stops training early.
        base: everything about the network that is not searched.
        timeout: seconds after which no further trial is begun; the paper's networks are tried all the same.
    """
    members, started = train[0].present.shape[1], time.monotonic()
    paper = [_paper(hidden, members) for hidden in PAPER]
    with _quiet_optuna():
        study = _study(train, validation, base, context)
        done = study.get_trials(states=[TrialState.COMPLETE])[:trials]
        with context.progress("search", trials) as progress:
            progress.advance(len(done))
            while len(done) < trials and (
                len(done) < len(paper) or timeout is None or time.monotonic() - started < timeout
            ):
                if len(done) < len(paper):
                    study.enqueue_trial(paper[len(done)])
                study.sampler = optuna.samplers.TPESampler(seed=context.seed + len(done))
                done.append(_tried(study, train, validation, base, context))
                progress.advance()
    best = max(done, key=lambda trial: (trial.value, -trial.number))
    return SearchResult(
        _chosen(best, base, members), float(best.value or 0.0), [_row(trial, base, members) for trial in done]
    )


def _tried(
    study: optuna.Study, train: Parts, validation: Parts, base: PolicySettings, context: Context
) -> FrozenTrial:
    trial = study.ask()
    choice = _chosen(trial, base, train[0].present.shape[1])
    try:
        network, epochs = choice.fit(train, validation, context)
    except (
        ConfigError
    ) as error:  # this learning rate is too high for this network: a bad trial, not a bad search
        trial.set_user_attr("failed", str(error))
        return study.tell(trial, 0.0)
    trial.set_user_attr("epochs", epochs)
    return study.tell(trial, best_micro_f1(validation[1], choice.fuse(network, validation[0])))


def _chosen(trial: optuna.Trial | FrozenTrial, base: PolicySettings, members: int) -> SearchCandidate:
    """What `trial` proposes. No member chosen means all of them."""
    read = tuple(i for i in range(members) if trial.suggest_categorical(f"member_{i}", [True, False]))
    hidden = tuple(
        (
            trial.suggest_categorical(f"units_{i}", UNITS),
            trial.suggest_categorical(f"activation_{i}", ACTIVATIONS),
        )
        for i in range(trial.suggest_int("layers", 1, MOST_LAYERS))
    )
    dropout, rate = (
        trial.suggest_categorical("dropout", DROPOUT),
        trial.suggest_categorical("learning_rate", LEARNING_RATES),
    )
    training = base.training.model_copy(update={"learning_rate": rate})
    settings = base.model_copy(update={"hidden": hidden, "dropout": dropout, "training": training})
    return SearchCandidate(read or tuple(range(members)), settings)


def _paper(hidden: tuple[tuple[int, str], ...], members: int) -> dict[str, Any]:
    layers = {f"units_{i}": units for i, (units, _) in enumerate(hidden)} | {
        f"activation_{i}": name for i, (_, name) in enumerate(hidden)
    }
    return (
        {f"member_{i}": True for i in range(members)}
        | layers
        | {"layers": len(hidden), "dropout": 0.0, "learning_rate": 1e-3}
    )


def _row(trial: FrozenTrial, base: PolicySettings, members: int) -> dict[str, Any]:
    choice = _chosen(trial, base, members)
    return {
        "micro_f1": trial.value,
        "members": list(choice.members),
        "hidden": [list(layer) for layer in choice.settings.hidden],
        "dropout": choice.settings.dropout,
        "learning_rate": choice.settings.training.learning_rate,
        **trial.user_attrs,
    }


def _study(train: Parts, validation: Parts, base: PolicySettings, context: Context) -> optuna.Study:
    """The study of this data and these settings, with what a killed process left half done put aside."""
    if context.cache is None:
        return optuna.create_study(direction="maximize")
    digest = hashlib.sha256(
        json.dumps([context.seed, base.model_dump(mode="json"), PAPER, optuna.__version__]).encode()
    )
    for outputs, targets in (train, validation):
        for array in (outputs.scores, outputs.present, targets):
            digest.update(np.ascontiguousarray(array).data)
    folder = context.cache / "search"
    folder.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{folder / digest.hexdigest()}.db"
    study = optuna.create_study(
        storage=storage, study_name="policy", direction="maximize", load_if_exists=True
    )
    for trial in study.get_trials(states=[TrialState.RUNNING, TrialState.WAITING]):
        if trial.state is TrialState.WAITING:  # enqueued and never begun: it would be taken for the next
            study.ask()
        study.tell(trial.number, state=TrialState.FAIL)
    return study


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna announces every study on standard error; here it does not."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
