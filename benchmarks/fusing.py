"""Ridge and policy fusion of many products, beside what one would write instead.

python benchmarks/fusing.py [--scale S]

Scale 1 is 1,000,000 products, 3 members and 100 labels; every tenth product lacks a member. Ridge is compared
with scikit-learn's on the scores side by side, absent ones 0. The policy network (the paper's layers, two
epochs, and at least 1,600 steps, which it needs to learn anything) is compared with scikit-learn's network of
the same shape. Micro-F1 is that of 10,000 of these products, at the best threshold for 10,000 others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from timing import Clock, in_turn, parser, ratios, tuned_micro_f1, write

PRODUCTS, LABELS, MEMBERS = 1_000_000, 100, 3
BATCH, STEPS = 256, 1_600
SYSTEMS = ("ours-ridge", "sklearn-ridge", "ours-policy", "sklearn-policy")


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.02, repeats=2)
    options.add_argument("--labels", type=int, default=LABELS)
    options.add_argument("--members", type=int, default=MEMBERS)
    options.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    args = options.parse_args()
    if args.child:
        child(args.child, round(PRODUCTS * args.scale), args.members, args.labels)
        return
    systems = {
        name: [None, "--labels", args.labels, "--members", args.members] for name in args.systems
    }
    runs = in_turn(__file__, systems, args)
    compared = {}
    for policy in ("ridge", "policy"):
        for figure in ("seconds_fit", "cpu_fit", "seconds_fuse", "cpu_fuse", "peak_mib"):
            if {f"ours-{policy}", f"sklearn-{policy}"} <= set(runs) and (
                found := ratios(runs, f"ours-{policy}", f"sklearn-{policy}", figure)
            ):
                compared[f"scikit-learn over our {policy}, {figure}"] = found
    write("fusing", args, runs, compared)


def child(system: str, products: int, members: int, labels: int) -> None:
    """One system fits and fuses the same made-up scores."""
    scores, present, targets = make(products, members, labels)
    clock = Clock()
    side, policy = system.split("-")
    fused = (with_shelfwise if side == "ours" else with_scikit_learn)(
        clock, policy, (scores, present), targets
    )
    some = slice(0, 20_000)
    clock.note(micro_f1=tuned_micro_f1(fused[some], targets[some]))
    clock.finish()


def make(products: int, members: int, labels: int) -> tuple[Any, Any, Any]:
    """Scores (N, M, L), presence (N, M) and targets (N, L): three labels a product."""
    rng = np.random.default_rng(0)
    targets = (rng.random((products, labels), np.float32) < 3 / labels).astype(np.float32)
    scores = np.empty((products, members, labels), np.float32)
    for member in range(members):
        noise = rng.random((products, labels), np.float32)
        scores[:, member] = np.where(targets > 0, np.sqrt(noise), noise**4)
    present = rng.random((products, members), np.float32) > 0.1 / members
    present[~present.any(axis=1), 0] = True
    scores *= present[:, :, None]
    return scores, present, targets


def epochs(products: int) -> int:
    """Of both networks."""
    return max(2, round(STEPS * BATCH / products))


def with_shelfwise(clock: Clock, policy: str, given: Any, targets: Any) -> Any:
    from shelfwise.core.types import Context, MemberOutputs

    outputs = MemberOutputs(*given, features=())
    made: Any
    if policy == "ridge":
        from shelfwise.fusion.ridge import Ridge

        made = Ridge(Ridge.Settings())
    else:
        from shelfwise.fusion.policy import Policy

        made = Policy(
            Policy.Settings.model_validate(
                {"training": {"epochs": epochs(len(targets)), "batch_size": BATCH, "loss": "bce"}}
            )
        )
    clock.time("fit", lambda: made.fit(outputs, targets, None, Context()))
    return clock.time("fuse", lambda: made.fuse(outputs))


def with_scikit_learn(clock: Clock, policy: str, given: Any, targets: Any) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.neural_network import MLPClassifier

    flat = given[0].reshape(len(targets), -1)
    count = epochs(len(targets))
    network = MLPClassifier(
        (330, 270),
        activation="logistic",
        batch_size=BATCH,
        max_iter=count,
        n_iter_no_change=count,
        random_state=0,
    )
    model = Ridge() if policy == "ridge" else network
    clock.time("fit", lambda: model.fit(flat, targets))
    return clock.time(
        "fuse", lambda: model.predict(flat) if policy == "ridge" else model.predict_proba(flat)
    )


if __name__ == "__main__":
    main()
