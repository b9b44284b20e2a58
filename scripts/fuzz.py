"""Coverage-guided fuzzing (atheris, libFuzzer) of reader, image gate and model loading.

Usage: python scripts/fuzz.py [SECONDS of each target] [TARGET]. What reaches new code goes to
build/fuzz/TARGET. An input that breaks something goes to build/fuzz/TARGET-crash-*, and the run ends with
exit code 1; it becomes a file of tests/fuzz/corpus once the fault is repaired.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
FOUND = ROOT / "build" / "fuzz"

MAX_BYTES = 20_000
"""Of one input."""

TIMEOUT = 30
"""Seconds after which one input counts as a hang."""

WORKER = """
import sys
import atheris
sys.path[:0] = [{root!r}, {source!r}]
# the libraries below are compiled or well tested: coverage is wanted of our own code
with atheris.instrument_imports(include=["shelfwise"]):
    from tests.fuzz.targets import TARGETS
atheris.Setup(sys.argv, TARGETS[{target!r}])
atheris.Fuzz()
"""


def fuzz(target: str, seconds: int) -> int:
    """Fuzz one target in a process of its own; its exit code."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    code = WORKER.format(root=str(ROOT), source=str(ROOT / "src"), target=target)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        f"-timeout={TIMEOUT}",
        f"-artifact_prefix={FOUND}/{target}-crash-",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        "-verbosity=0",
        "-seed=1",
    ]
    # new inputs go into the first folder, the committed ones are only read
    corpora = [str(found), str(CORPUS / target)]
    command = [sys.executable, "-W", "ignore", "-c", code, *options, *corpora]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """Fuzz all targets, or the one that is named."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    names = sys.argv[2:] or sorted(path.name for path in CORPUS.iterdir())
    codes = {}
    for name in names:
        print(f"{name}: {seconds} seconds", flush=True)
        codes[name] = fuzz(name, seconds)
    failed = [name for name, code in codes.items() if code != 0]
    if failed:
        print(f"inputs that broke {', '.join(failed)} are in {FOUND}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
