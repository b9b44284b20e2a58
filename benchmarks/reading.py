"""Reading and checking a catalogue, beside bare conversions of the same file.

python benchmarks/reading.py --records 1000000 --out DIR

Products are generated: a title of 8 words, a description of 40, two category paths, a price and a brand. Of
1,000 products 50 have mark-up and entities, 50 accents, 200 a comma, 10 quotation marks and 5 a line break in
the description. One repeats the id of the product before, and one is cut off in the middle.

shelfwise checks, cleans and accounts for every record. DuckDB and polars are set to skip what they cannot
parse, and only parse and write. All write Parquet, with two threads or processes, each in a process of its
own, in turn, repeated.

Seconds are those of the conversion, without the imports. Processor seconds are those of all processes, with
the imports. Memory is what the process and all it started hold together (Pss), sampled every 50 milliseconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described

SYSTEMS = ("shelfwise", "duckdb", "polars")
POOL = 10_007
MIB = 1 << 20


def main() -> None:
    """Generate, measure, print, write."""
    parser = described(__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[200_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--formats", nargs="+", default=["jsonl", "csv"], choices=["jsonl", "csv"])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--out", type=Path, help="folder for reading.json")
    parser.add_argument(
        "--child", nargs=3, metavar=("SYSTEM", "SOURCE", "FOLDER"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.child:
        done = CONVERSIONS[options.child[0]](Path(options.child[1]), Path(options.child[2]))
        print(json.dumps({**done, "cpu_seconds": processor_seconds()}))
        return
    found = []
    for count in options.records:
        for form in options.formats:
            with tempfile.TemporaryDirectory(prefix="reading-") as folder:
                source = Path(folder) / f"products.{form}"
                bad = generate(source, count)
                runs = [
                    measure(system, source)
                    for _ in range(options.repeats)
                    for system in options.systems
                ]
            found.append(summary(form, count, bad, runs))
            show(found[-1])
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "reading.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


# --- the products ---


def generate(path: Path, count: int) -> int:
    """Write `count` records and return how many of them must be refused."""
    rng = np.random.default_rng(0)
    alphabet = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(alphabet, int(length))) for length in rng.integers(2, 10, 5000)]
    titles, halves = (phrases(rng, words, length) for length in (4, 20))
    kinds = rng.permutation(1000)
    quote = json.dumps if path.suffix == ".jsonl" else cell
    write = line if path.suffix == ".jsonl" else row
    bad = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            file.write("id,title,description,categories,price,brand\n")
        a, b, c, d, shelf, shelf2, price, brand = rng.integers(0, POOL, (8, count))
        for i in range(count):
            kind = kinds[i % 1000]
            title, description = f"{titles[a[i]]} {titles[b[i]]}", f"{halves[c[i]]} {halves[d[i]]}"
            title, description = blemish(kind, title, description)
            paths = [
                ["Home", f"Room {n % 9}", f"Shelf {n}"] for n in (shelf[i] % 300, shelf2[i] % 300)
            ]
            identifier = f"P{i - (kind == 998):08}"
            text = write(
                identifier,
                quote(title),
                quote(description),
                paths,
                price[i] / 100,
                f"Brand {brand[i] % 3000}",
            )
            file.write(text if kind != 999 else f"{text[: len(text) // 3]}\n")
            bad += kind >= 998
    return bad


def phrases(rng: np.random.Generator, words: list[str], length: int) -> list[str]:
    return [
        " ".join(words[w] for w in some) for some in rng.integers(0, len(words), (POOL, length))
    ]


def blemish(kind: int, title: str, description: str) -> tuple[str, str]:
    """What one product in some has about it."""
    if kind < 50:
        return title, f"<p>Arts &amp; {description}</p>"
    if kind < 100:
        return f"Café {title}", description
    if kind < 300:
        return title, description.replace(" ", ", ", 1)
    if kind < 310:
        return title, f'the "best" {description}'
    if kind < 315:
        return title, description.replace(" ", "\n", 1)
    return title, description


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text


def line(
    identifier: str, title: str, description: str, paths: list[list[str]], price: float, brand: str
) -> str:
    return (
        f'{{"id": "{identifier}", "title": {title}, "description": {description}, '
        f'"categories": {json.dumps(paths)}, "price": {price}, "brand": "{brand}"}}\n'
    )


def row(
    identifier: str, title: str, description: str, paths: list[list[str]], price: float, brand: str
) -> str:
    return (
        f"{identifier},{title},{description},{'|'.join(map(' > '.join, paths))},{price},{brand}\n"
    )


# --- the conversions ---


def with_shelfwise(source: Path, folder: Path) -> dict[str, Any]:
    from shelfwise.catalog.reading.to_parquet import convert_catalog

    begin = time.perf_counter()
    done = convert_catalog(source, folder)
    seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "written": done.accepted,
        "refused": sum(done.quarantined.values()),
        "reasons": dict(done.quarantined),
    }


def with_duckdb(source: Path, folder: Path) -> dict[str, Any]:
    import duckdb

    reads = {
        ".jsonl": f"read_json('{source}', format='newline_delimited', ignore_errors=true)",
        ".csv": f"read_csv('{source}', ignore_errors=true)",
    }
    begin = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as connection:
        done = connection.execute(
            f"COPY (SELECT * FROM {reads[source.suffix]}) TO '{folder / 'products.parquet'}' (FORMAT PARQUET)"
        )
        written = done.fetchone()
    return {"seconds": time.perf_counter() - begin, "written": written[0] if written else 0}


def with_polars(source: Path, folder: Path) -> dict[str, Any]:
    import polars

    begin = time.perf_counter()
    if source.suffix == ".csv":
        frame = polars.scan_csv(source, ignore_errors=True, truncate_ragged_lines=True)
    else:
        frame = polars.scan_ndjson(source, ignore_errors=True)
    target = folder / "products.parquet"
    frame.sink_parquet(target, compression="snappy")
    seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "written": polars.scan_parquet(target).select(polars.len()).collect().item(),
    }


CONVERSIONS = {"shelfwise": with_shelfwise, "duckdb": with_duckdb, "polars": with_polars}


def processor_seconds() -> float:
    """Of this process, imports and all, and of those it started and saw end."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


# --- measuring ---


def measure(system: str, source: Path) -> dict[str, Any]:
    """One conversion in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="reading-out-"))
    command = [sys.executable, __file__, "--child", system, str(source), str(folder)]
    try:
        with tempfile.TemporaryFile() as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
            peak = 0
            while child.poll() is None:
                peak = max(peak, sum(map(resident, family(child.pid))))
                time.sleep(0.05)
            assert child.stdout is not None
            output = child.stdout.read()
            errors.seek(0)
            failure = errors.read().decode()[-500:] if child.returncode else None
        size = sum(f.stat().st_size for f in folder.iterdir())
    finally:
        shutil.rmtree(folder)
    if failure is not None:
        return {"system": system, "failure": failure}
    return {
        "system": system,
        **json.loads(output),
        "peak_mib": peak / MIB,
        "written_mib": size / MIB,
    }


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it ended meanwhile
            continue
        for child in children:
            yield from family(int(child))


def resident(pid: int) -> int:
    """Bytes of memory a process holds, its share of what it shares with others."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it ended meanwhile
        return 0
    return next(
        (int(entry.split()[1]) * 1024 for entry in rollup.splitlines() if entry.startswith("Pss:")),
        0,
    )


def summary(form: str, count: int, bad: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The runs, and the median and spread of our speed over DuckDB's in the same round."""
    ours, theirs = (
        [r for r in runs if r["system"] == name and "seconds" in r]
        for name in ("shelfwise", "duckdb")
    )
    for run in ours:
        assert run["written"] + run["refused"] == count, (
            f"{run} does not account for {count} records"
        )
        assert run["refused"] == bad, f"{run} refused other records than the {bad} that are bad"
    ratios = {
        name: sorted(b[name] / a[name] for a, b in zip(ours, theirs, strict=False))
        for name in ("seconds", "cpu_seconds")
    }
    return {
        "format": form,
        "records": int(count),
        "bad": int(bad),
        "duckdb_over_ours": ratios,
        "runs": runs,
    }


def show(result: dict[str, Any]) -> None:
    print(f"{result['records']:,} records as {result['format']}, {result['bad']:,} of them bad")
    for system in SYSTEMS:
        runs = [r for r in result["runs"] if r["system"] == system]
        for failure in {r["failure"] for r in runs if "failure" in r}:
            print(f"  {system:10} failed: {failure.strip().splitlines()[-1]}")
        if good := [r for r in runs if "seconds" in r]:
            seconds = statistics.median(r["seconds"] for r in good)
            processor = statistics.median(r["cpu_seconds"] for r in good)
            speed = [result["records"] / r["seconds"] for r in good]
            peak = max(r["peak_mib"] for r in good)
            print(
                f"  {system:10} {seconds:8.2f} s  {statistics.median(speed):10,.0f} records/s"
                f" ({min(speed):,.0f} to {max(speed):,.0f})  {processor:.1f} s of processor"
                f"  peak {peak:6,.0f} MiB  {good[0]['written']:,} written, {good[0]['written_mib']:,.0f} MiB"
            )
    for name, ratios in result["duckdb_over_ours"].items():
        if ratios:
            spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"  DuckDB's {name} over ours: {statistics.median(ratios):.2f} {spread}")


if __name__ == "__main__":
    main()
