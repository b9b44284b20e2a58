"""The model is changed while requests come at fixed times; how many of them fail, and how long they take.

python benchmarks/service/hot_swap.py MODEL OTHER [--seconds 20] [--share 0.5]

A service of MODEL is started and its capacity measured. Then so much of it is sent, and after a quarter of
the time the service is told to change to OTHER, which may be an exported model. Prints JSON. A request fails
where it gets neither 200 nor 429; the aim is none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from load import Connections, capacity, run

KEY = "an-administrator-of-this-benchmark"


def main() -> None:
    """Start the service, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("other", type=Path, help="the model to change to")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--share", type=float, default=0.5, help="of the capacity that is sent")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # a service changes only to models below its own folder of models
        root = Path(folder)
        shutil.copytree(args.model, root / "first")
        shutil.copytree(args.other, root / "second")
        command = ["serve", str(root / "first"), "--port", "0", "--json", "--models-root", folder]
        process = subprocess.Popen(
            [sys.executable, "-m", "shelfwise", *command],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SHELFWISE_ADMIN_KEY": KEY},
        )
        try:
            assert process.stdout is not None
            address: str = json.loads(process.stdout.readline())["address"]
            print(json.dumps(asyncio.run(measured(address, args.seconds, args.share))))
        finally:
            process.terminate()
            process.wait()


async def measured(address: str, seconds: float, share: float) -> dict[str, Any]:
    """The figures of one change under load."""
    await asyncio.to_thread(wait_until, lambda: asked(address, "/readyz") is not None)
    body = json.dumps({"products": [{"title": "Mug with a handle"}], "top": 1}).encode()
    connections = Connections(address, body)
    await capacity(connections, 1, 32)
    most = await capacity(connections, 3, 32)
    before = await run(connections, share * most, seconds / 2)
    change = asyncio.create_task(asyncio.to_thread(changed, address, seconds / 4))
    during = await run(connections, share * most, seconds)
    outcome = await change
    failed = sum(
        count
        for outcome_of_run in (before, during)
        for status, count in outcome_of_run.statuses.items()
        if status not in (200, 429)
    )
    return {
        "capacity_products_per_second": round(most, 1),
        "failed": failed,
        "change": outcome,
        "before": before.describe(1),
        "during": during.describe(1),
        "load_average": os.getloadavg()[0],
    }


def changed(address: str, pause: float) -> dict[str, Any]:
    """Change the model after a pause; what the service says of it, and how long it took."""
    time.sleep(pause)
    started = time.perf_counter()
    asked(address, "/v1/models", {"path": "second"})
    found: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal found
        found = (asked(address, "/v1/models/current") or {}).get("change") or {}
        return found.get("state") in ("live", "refused")

    wait_until(ended)
    told = {name: found[name] for name in ("state", "detail", "changed", "tried")}
    return {**told, "seconds": round(time.perf_counter() - started, 1)}


def asked(address: str, path: str, values: Any = None) -> Any:
    """The JSON of an answer; None where there is none."""
    body = None if values is None else json.dumps(values).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(address + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def wait_until(holds: Any, seconds: float = 300) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit("the service did not get so far in time")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
