"""From a catalogue of one's own to a model: how many commands and minutes it takes.

python benchmarks/first_use.py [CATALOG] [--out FILE.json]

Without CATALOG a catalogue as a shop would export it is made of the sample: 1,000 products, semicolons,
German column names, decimal commas, Windows-1252. The commands are those a new user types, in an empty
folder.
"""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command_line import described

COLUMNS = {
    "Artikelnummer": "id",
    "Artikelname": "title",
    "Beschreibung": "description",
    "Kategorien": "categories",
    "Preis": "price",
    "Marke": "brand",
}
PRODUCTS = 1_000
COMMANDS = (
    "shelfwise init {catalog}",
    "shelfwise train {catalog} --config shelfwise.toml --preset quick --out model",
    "shelfwise predict model {catalog} --out labels.jsonl",
)


def main() -> None:
    """Type the commands, and print what each took."""
    arguments = described(__doc__)
    arguments.add_argument("catalog", type=Path, nargs="?")
    arguments.add_argument("--out", type=Path, default=Path("build/bench/first_use.json"))
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = args.catalog.resolve() if args.catalog else shop_export(folder)
        found = []
        for command in COMMANDS:
            words = shlex.split(command.format(catalog=shlex.quote(str(catalog))))
            started = time.perf_counter()
            # the module, so that the shelfwise of this interpreter is measured
            subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)
            seconds = time.perf_counter() - started
            found.append({"command": command, "seconds": seconds})
        results = json.loads((folder / "model" / "report" / "results.json").read_text("utf-8"))
        page = (folder / "model" / "report" / "index.html").stat().st_size
    final = results["systems"][results["decide_with"]]
    for row in found:
        print(f"{row['seconds']:7.1f} s  {row['command']}")
    minutes = sum(row["seconds"] for row in found) / 60
    print(f"{len(found)} commands, {minutes:.1f} minutes, micro-F1 {final['micro_f1_tuned']:.1%}")
    print(f"report: {page:,} bytes")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"commands": found, "minutes": minutes}, indent=1), "utf-8")


def shop_export(folder: Path) -> Path:
    """The first products of the sample as a spreadsheet in German would save them."""
    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.catalog.sample import write_sample

    catalog = read_catalog(write_sample(folder / "sample")).catalog
    path = folder / "Produkte.csv"
    with path.open("w", encoding="cp1252", errors="ignore", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS), delimiter=";")
        writer.writeheader()
        columns = {name: catalog.column(field) for name, field in COLUMNS.items()}
        for row in range(min(PRODUCTS, len(catalog))):
            cells = {name: values[row] for name, values in columns.items()}
            paths = cells["Kategorien"] or ()
            cells["Kategorien"] = " | ".join(" > ".join(levels) for levels in paths)
            price = cells["Preis"]
            cells["Preis"] = "" if price is None else f"{price:.2f}".replace(".", ",") + " EUR"
            writer.writerow(cells)
    return path


if __name__ == "__main__":
    main()
