"""How long a person waits for the review page: by HTTP alone, and in a browser until the pictures are there.

python benchmarks/review_page.py MODEL CATALOG --category NAME --words WORDS [--browser /usr/bin/chromium]

Starts ``shelfwise review`` with a new file of decisions, and is one person at one window: decides by key,
takes decisions back, changes the queue, filters by a category, searches words, and accepts all that the
filter found.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

QUEUES = ("Uncertain", "Perhaps wrong", "Random sample", "Fields disagree")
PICTURES_THERE = "() => [...document.images].every(one => one.loading === 'lazy' || one.complete)"


def main() -> None:
    """Print a line for each thing that is waited for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--category", required=True, help="what to filter by")
    parser.add_argument("--words", required=True, help="what to search for")
    parser.add_argument("--browser", default=shutil.which("chromium"))
    parser.add_argument("--decisions", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "shelfwise", "review", args.model, args.catalog, "--json"]
        command += ["--port", "0", "--lead", "Ada", "--decisions", Path(folder) / "decisions.db"]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            print(f"{told['products']} products")
            try:
                _measure(args, told["people"][0]["address"])
            finally:
                server.kill()


def _measure(args: argparse.Namespace, address: str) -> None:
    filtered = f"/review/list?queue=search&label={args.category}"
    pages = {
        "first page": "/review",
        "filter": filtered,
        "search": f"/review/list?queue=search&q={args.words}",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 844})
        page = context.new_page()
        page.goto(address)
        base = page.url.partition("/review")[0]
        cookies = {one["name"]: one["value"] for one in context.cookies()}
        client = httpx.Client(base_url=base, cookies=cookies, follow_redirects=True, timeout=60)
        for name, path in pages.items():
            _print(f"{name}, server", [_timed(lambda p=path: client.get(p)) for _ in range(10)])
            _print(
                f"{name}, browser", [_timed(lambda p=path: _open(page, base + p)) for _ in range(5)]
            )
        # each from another one, and at the end where decisions begin
        rounds = 5 * QUEUES[::-1]
        _print("change of queue", [_timed(lambda n=name: _change(page, n)) for name in rounds])
        _print("decision by key", [_timed(lambda: _decide(page)) for _ in range(args.decisions)])
        _print("undo", [_timed(lambda: _undo(page)) for _ in range(args.decisions // 4)])
        _open(page, base + filtered)
        found = page.inner_text("h1")
        accept = page.get_by_role("button", name=re.compile("Accept all"))
        preview = page.get_by_role("button", name="preview first")
        _print(f"preview of {found}", [_timed(lambda: (preview.click(), accept.wait_for()))])
        said = page.locator(".said")
        _print(f"acceptance of {found}", [_timed(lambda: (accept.click(), said.wait_for()))])
        browser.close()


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function(PICTURES_THERE)


def _change(page: Page, queue: str) -> None:
    page.get_by_role("link", name=queue).first.click()
    page.locator("nav.queues [aria-current]", has_text=queue).wait_for()
    page.wait_for_function(PICTURES_THERE)


def _decide(page: Page) -> None:
    """Accept the suggestion, and wait for the next product with its picture."""
    before = page.url
    page.keyboard.press("a")
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_function(PICTURES_THERE)


def _undo(page: Page) -> None:
    form = page.locator("form[action*=undo]").first.get_attribute("action")
    page.keyboard.press("z")
    page.locator(f'form[action*=undo]:not([action="{form}"])').first.wait_for()


def _timed(action: Callable[[], Any]) -> float:
    """How long it takes, in milliseconds."""
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def _print(name: str, times: list[float]) -> None:
    middle, most = statistics.median(times), max(times)
    print(f"{name:32} {middle:6.0f} ms in the middle, {most:6.0f} ms at most, of {len(times)}")


if __name__ == "__main__":
    main()
