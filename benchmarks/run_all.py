"""Every benchmark of speed, one after the other.

python benchmarks/run_all.py [--scale S] [--catalog FILE] [--only NAME ...]

Scale 1 takes hours on two cores. The default shows in minutes that every benchmark runs. Results go to
build/bench, one JSON file each. Without a catalogue of texts the benchmarks of text classifiers use the
sample catalogue.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from command_line import described

HERE = Path(__file__).parent
FEW_EPOCHS = 6  # that a slowly learning rival is given, but for full scale
READ = 200_000  # records that reading.py converts at scale 0.02, its own default


def main() -> None:
    """Read the command line and run."""
    parser = described(__doc__)
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--catalog", type=Path, help="products with descriptions, e.g. a .jsonl.gz file"
    )
    parser.add_argument("--only", nargs="+", help="names of scripts, without .py")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = args.catalog or sample(Path(folder))
        common = [
            "--scale",
            args.scale,
            "--repeats",
            args.repeats,
            "--threads",
            args.threads,
            "--out",
            args.out,
        ]
        commands = {
            "counting": common,
            "starting": ["--repeats", 5, "--out", args.out],
            "text_network": [
                catalog,
                *common,
                *(("--until", FEW_EPOCHS) if args.scale < 1 else ()),
            ],
            "linear_text": [catalog, *common[2:]],
            "fine_tuning": common,
            "fusing": common,
            "stacking": [catalog, "--repeats", args.repeats, "--out", args.out],
            "growth": common,
            "inference": ["--repeats", args.repeats, "--out", args.out],
            "reading": [
                "--records",
                round(50 * READ * args.scale),
                "--repeats",
                args.repeats,
                "--out",
                args.out,
            ],
        }
        failed = [
            name
            for name, further in commands.items()
            if name in (args.only or commands) and not ran(name, further)
        ]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def ran(name: str, further: list[object]) -> bool:
    """Whether benchmark `name` came to its end."""
    return (
        subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), *map(str, further)], check=False
        ).returncode
        == 0
    )


def sample(folder: Path) -> Path:
    """The sample catalogue."""
    from shelfwise.catalog.sample import write_sample

    return write_sample(folder / "sample")


if __name__ == "__main__":
    main()
