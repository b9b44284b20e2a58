"""A search for the best policy network: its members, layers, activations, dropout and learning rate.

The paper (section 4) chose its networks by such a search; both of them are always among the trials. A trial
is judged on validation products alone: micro-F1 at the best threshold there.

Dimensions: N products, M members, L labels.
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
from shelfwise.disk.folders import make_folders
from shelfwise.errors import ConfigError
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.fusion.policy_network import PolicyNetwork, PolicySettings, fit_policy, run_policy

Scored = tuple[MemberOutputs, Floats]
"""What the members predict for N products, and the targets (N, L)."""

UNITS = (64, 100, 150, 200, 270, 330, 400, 512)
ACTIVATIONS = ("sigmoid", "tanh", "relu")
MAX_LAYERS = 3
DROPOUTS = (0.0, 0.2, 0.5)
LEARNING_RATES = (3e-4, 1e-3, 3e-3)
PAPER_NETWORKS = (((200, "sigmoid"), (150, "sigmoid")), ((330, "sigmoid"), (270, "tanh")))
"""The hidden layers of the paper's networks (section 4): for two members, and for three."""


@dataclass(frozen=True)
class SearchCandidate:
    """One point of the space.

    Args:
        members: places of the members that the network reads.
        settings: of the network.
    """

    members: tuple[int, ...]
    settings: PolicySettings

    def fit(self, train: Scored, validation: Scored, context: Context) -> tuple[PolicyNetwork, int]:
        """The network on these members alone, and the epoch its weights are from."""
        outputs, targets = train
        watched = (self.chosen_members(validation[0]), validation[1])
        return fit_policy(self.chosen_members(outputs), targets, watched, self.settings, context)

    def fuse(self, network: PolicyNetwork, outputs: MemberOutputs) -> Floats:
        """Scores (N, L); products with none of the chosen members get the mean of the others' scores."""
        # a product may have none of the members that this network reads
        read = self.chosen_members(outputs)
        present_count = np.maximum(outputs.present.sum(axis=1), 1)
        mean = outputs.scores.sum(axis=1) / present_count[:, None]
        is_known = read.present.any(axis=1, keepdims=True)
        return np.where(is_known, run_policy(network, read), mean).astype(np.float32)

    def chosen_members(self, outputs: MemberOutputs) -> MemberOutputs:
        """What the chosen members alone predict."""
        return outputs.members(self.members)


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        choice: the best candidate.
        micro_f1: of that, on validation.
        trials: all of them in their order, JSON-ready.
    """

    choice: SearchCandidate
    micro_f1: float
    trials: list[dict[str, Any]]


def search_policy(
    train: Scored,
    validation: Scored,
    base: PolicySettings,
    trials: int,
    timeout: float | None,
    context: Context,
) -> SearchResult:
    """Try `trials` networks: the paper's two, then what Optuna's TPE proposes from how the earlier ones did.

    With ``context.cache`` the trials are kept in a file there, by data and settings. A search that was
    broken off goes on behind its last finished trial, and one that wants more trials adds to it. The seed of
    each proposal is that of the context and its number, so a continued search tries what an unbroken one
    would.

    Args:
        validation: of products the members were not trained on; judges, and stops training early.
        base: everything about the network that is not searched.
        timeout: seconds after which no further trial is begun; the paper's networks are tried all the same.
    """
    started = time.monotonic()
    members = train[0].present.shape[1]
    paper = [_paper_parameters(hidden, members) for hidden in PAPER_NETWORKS]
    with _quiet_optuna():
        study = _open_study(train, validation, base, context)
        done = study.get_trials(states=[TrialState.COMPLETE])[:trials]
        with context.progress("search", trials) as progress:
            progress.advance(len(done))
            # trials of a broken-off search count
            while len(done) < trials:
                in_time = timeout is None or time.monotonic() - started < timeout
                if len(done) < len(paper):
                    study.enqueue_trial(paper[len(done)])
                elif not in_time:
                    break
                # a sampler of its own for each trial: a continued search draws the same numbers
                study.sampler = optuna.samplers.TPESampler(seed=context.seed + len(done))
                done.append(_run_trial(study, train, validation, base, context))
                progress.advance()
    # of equally good ones the earliest
    best = max(done, key=lambda trial: (trial.value, -trial.number))
    rows = [_trial_facts(trial, base, members) for trial in done]
    return SearchResult(_candidate_of(best, base, members), float(best.value or 0.0), rows)


def _run_trial(
    study: optuna.Study, train: Scored, validation: Scored, base: PolicySettings, context: Context
) -> FrozenTrial:
    """Train and judge the next candidate."""
    trial = study.ask()
    candidate = _candidate_of(trial, base, train[0].present.shape[1])
    try:
        network, epochs = candidate.fit(train, validation, context)
    # this learning rate is too high for this network: a bad trial, not a bad search
    except ConfigError as error:
        trial.set_user_attr("failed", str(error))
        return study.tell(trial, 0.0)
    trial.set_user_attr("epochs", epochs)
    outputs, targets = validation
    return study.tell(trial, best_micro_f1(targets, candidate.fuse(network, outputs)))


def _candidate_of(
    trial: optuna.Trial | FrozenTrial, base: PolicySettings, members: int
) -> SearchCandidate:
    """What `trial` proposes. No member chosen means all of them."""
    chosen = [m for m in range(members) if trial.suggest_categorical(f"member_{m}", [True, False])]
    hidden: list[tuple[int, str]] = []
    for i in range(trial.suggest_int("layers", 1, MAX_LAYERS)):
        units = trial.suggest_categorical(f"units_{i}", UNITS)
        hidden.append((units, trial.suggest_categorical(f"activation_{i}", ACTIVATIONS)))
    dropout = trial.suggest_categorical("dropout", DROPOUTS)
    rate = trial.suggest_categorical("learning_rate", LEARNING_RATES)
    training = base.training.model_copy(update={"learning_rate": rate})
    changes = {"hidden": tuple(hidden), "dropout": dropout, "training": training}
    # Optuna can propose no member at all, which no network can read
    return SearchCandidate(tuple(chosen or range(members)), base.model_copy(update=changes))


def _paper_parameters(hidden: tuple[tuple[int, str], ...], members: int) -> dict[str, Any]:
    """One of the paper's networks as Optuna's parameters: it reads all members."""
    parameters: dict[str, Any] = {f"member_{m}": True for m in range(members)}
    for i, (units, activation) in enumerate(hidden):
        parameters[f"units_{i}"] = units
        parameters[f"activation_{i}"] = activation
    return parameters | {"layers": len(hidden), "dropout": 0.0, "learning_rate": 1e-3}


def _trial_facts(trial: FrozenTrial, base: PolicySettings, members: int) -> dict[str, Any]:
    """A trial for the report, JSON-ready."""
    candidate = _candidate_of(trial, base, members)
    return {
        "micro_f1": trial.value,
        "members": list(candidate.members),
        "hidden": [list(layer) for layer in candidate.settings.hidden],
        "dropout": candidate.settings.dropout,
        "learning_rate": candidate.settings.training.learning_rate,
        **trial.user_attrs,
    }


def _open_study(
    train: Scored, validation: Scored, base: PolicySettings, context: Context
) -> optuna.Study:
    """The study of this data and these settings, with what a killed process left half done put aside."""
    if context.cache is None:
        return optuna.create_study(direction="maximize")
    folder = context.cache / "search"
    make_folders(folder)
    storage = f"sqlite:///{folder / _study_digest(train, validation, base, context)}.db"
    study = optuna.create_study(
        storage=storage, study_name="policy", direction="maximize", load_if_exists=True
    )
    for trial in study.get_trials(states=[TrialState.RUNNING, TrialState.WAITING]):
        # enqueued and never begun: it would be taken for the next
        if trial.state is TrialState.WAITING:
            study.ask()
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _study_digest(train: Scored, validation: Scored, base: PolicySettings, context: Context) -> str:
    """A name for all that the trials' results depend on."""
    settings = [context.seed, base.model_dump(mode="json"), PAPER_NETWORKS, optuna.__version__]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for outputs, targets in (train, validation):
        for array in (outputs.scores, outputs.present, targets):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna announces every study on standard error; here it does not."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
