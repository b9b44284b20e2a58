"""The report's pages: complete in themselves, inert whatever the catalogue holds, and true to the results."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from shelfwise.metrics.calibration import calibration_figures
from shelfwise.reports.inspection_report import write_inspection
from shelfwise.reports.page import THUMBNAIL, ImageLookup, duration
from shelfwise.reports.training_report import write_markdown, write_report

EVIL = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)> $x_1$ & \"quoted\""


def nothing(_: str) -> Path | None:
    return None


def system(f1: float, policy: str | None, members: list[str]) -> dict[str, Any]:
    metrics = {"micro_f1": f1, "micro_precision": f1 + 0.0512, "micro_recall": f1 - 0.0503}
    return {
        "policy": policy,
        "members": members,
        "micro_f1": f1 - 0.05,
        "micro_f1_interval": [f1 - 0.06, f1 - 0.04],
        "micro_f1_tuned": f1,
        "micro_f1_tuned_interval": [f1 - 0.01, f1 + 0.01],
        "macro_f1": f1 - 0.3,
        "macro_f1_tuned": f1 - 0.2,
        "threshold": 0.37,
        "seconds_fit": 125.0,
        "seconds_predict": 0.4,
        "metrics": {
            "at_0.5": {k: v - 0.05 for k, v in metrics.items()},
            "tuned": metrics,
            "ranking": {},
        },
        "facts": {},
    }


STATISTICS = {
    "products": 1234,
    "classes": 3,
    "labels_per_product": {"min": 1, "mean": 1.5, "median": 1.0, "max": 3},
    "products_with_labels": {"1": 900, "2": 300, "3": 34},
    "products_per_class": {"min": 5, "mean": 617.0, "median": 400.0, "max": 1100},
    "class_counts": {"Mugs": 1100, "Bowls": 400, EVIL: 5},
    "missing": {"id": 0, "title": 3, "image": 205},
}


def example() -> dict[str, Any]:
    names = ["title", "image"]
    return {
        "shelfwise": "0.1.0",
        "preset": "recommended",
        "seed": 0,
        "created": "2025-01-02T10:00:00+00:00",
        "settings": {"threshold": "global", "catalog": {"columns": {"title": EVIL}}},
        "versions": {"python": "3.11"},
        "machine": {
            "cpus": 2,
            "system": "Linux",
            "processor": "x86_64",
            "device": "cpu",
            "device_requested": "auto",
        },
        "data": {
            **STATISTICS,
            "source": EVIL,
            "fingerprint": "ab" * 32,
            "quarantined": {"catalog": 2},
            "labels": 3,
            "train": 900,
            "validation": 100,
            "test": 234,
            "left_out": {EVIL: 4},
        },
        "members": {
            name: {
                "modality": "text_cnn",
                "field": name,
                "provenance": {"weights": EVIL},
                "present": 200,
                "refused": [{"id": "7", "field": name, "reason": EVIL}],
                "seconds_fit": 60.0,
            }
            for name in names
        },
        "systems": {
            "title": system(0.68, None, ["title"]),
            "image": system(0.7, None, ["image"]),
            "max": system(0.7341, "maximum", names),
            "description": {"not_run": EVIL},
        },
        "decide_with": "max",
        "errors": {
            "columns": {"title": [{"label": EVIL, "missed": 2, "total": 5}], "image": []},
            "overlap": {"title & image": [EVIL]},
            "rarity": {"title": -0.4321, "image": None},
            "changes": [{"label": EVIL, "best_single": 4, "fused": 2, "total": 5}],
        },
        "labels": [
            {"label": "Mugs", "support": 200, "precision": 0.9, "recall": 0.8, "f1": 0.8471},
            {"label": EVIL, "support": 5, "precision": 0.0, "recall": 0.0, "f1": 0.0},
            {"label": "Never tested", "support": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0},
        ],
        "disagreements": [
            {
                "id": "p2",
                "title": EVIL,
                "strength": 0.8,
                "truth": [EVIL],
                "sides": [
                    {
                        "member": "image",
                        "label": "Shoes",
                        "score": 0.91,
                        "other": "title",
                        "against": 0.02,
                    },
                    {
                        "member": "title",
                        "label": "Laces",
                        "score": 0.88,
                        "other": "image",
                        "against": 0.03,
                    },
                ],
            }
        ],
        "mistakes": [
            {
                "id": "p1",
                "title": EVIL,
                "image": "p1.png",
                "truth": ["Mugs", EVIL],
                "decided": ["Mugs", "Bowls"],
                "missed": [EVIL],
                "wrong": ["Bowls"],
                "scores": {"Mugs": 0.9, EVIL: 0.1, "Bowls": 0.66},
                "members": {
                    "title": {"Mugs": 0.8, EVIL: 0.2, "Bowls": 0.7},
                    "image": {"Mugs": 0.0, EVIL: 0.0, "Bowls": 0.0},
                },
            }
        ],
        "timings": [{"stage": EVIL, "seconds": 100.0}, {"stage": "evaluate", "seconds": 25.0}],
        "notes": [EVIL],
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return example()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of :func:`example`, in a folder that was not there before."""
    return write_report(
        example(), tmp_path_factory.mktemp("report") / "new" / "folder", nothing
    ).read_text("utf-8")


@pytest.fixture
def inspection(tmp_path: Path) -> dict[str, Any]:
    Image.new("RGB", (300, 100), "red").save(tmp_path / "red.png")
    return {
        "source": EVIL,
        "format": "jsonl",
        "records": 1237,
        "accepted": 1234,
        "quarantined": 3,
        "reasons": {EVIL: 3},
        "encoding": "utf-8",
        "delimiter": None,
        "fields": [{"field": "title", "column": EVIL, "why": EVIL}],
        "rivals": [{"column": EVIL, "why": EVIL}],
        "further": [EVIL],
        "evidence": [EVIL],
        "notes": {EVIL: 2},
        "first_products": [
            {"id": "1", "title": EVIL, "labels": [EVIL]},
            {"id": "2", "title": None, "labels": []},
        ],
        "statistics": STATISTICS,
        "coverage": {"title": 0.881, "description": None},
        "images": {
            "named": 1029,
            "looked_at": 200,
            "found": 198,
            "opened": 197,
            "first_frame": 6,
            "reasons": {"there is no such file": 2, EVIL: 1},
        },
        "note": None,
        "examples": [
            {"id": "1", "title": EVIL, "image": str(tmp_path / "red.png")},
            {"id": "2", "title": None, "image": None},
        ],
    }


def images_of(inspection: dict[str, Any]) -> ImageLookup:
    paths = {one["id"]: one["image"] for one in inspection["examples"]}
    return lambda name: None if paths[name] is None else Path(paths[name])


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    VOID = frozenset({"meta", "br", "img", "wbr", "hr", "input", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def assert_inert_and_complete(page: Page) -> None:
    assert page.open == []
    assert [tag for tag, _ in page.elements].count("script") == 1
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/jpeg;base64,")), (
                tag,
                name,
                value,
            )
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def assert_policy_names_the_script(html: str) -> None:
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        in html
    )


def test_report_is_inert_and_complete(report: str) -> None:
    page = Page(report)
    assert_inert_and_complete(page)
    assert_policy_names_the_script(report)
    assert page.text.count(EVIL) >= 12  # every place a catalogue's text can reach shows it as it is


def test_inspection_is_inert_and_complete(inspection: dict[str, Any], tmp_path: Path) -> None:
    path = write_inspection(inspection, tmp_path / "out", images_of(inspection))
    html = path.read_text("utf-8")
    page = Page(html)
    assert_inert_and_complete(page)
    assert_policy_names_the_script(html)
    assert path == tmp_path / "out" / "index.html"
    assert json.loads((tmp_path / "out" / "inspect.json").read_text("utf-8")) == json.loads(
        json.dumps(inspection)
    )
    assert ElementTree.parse(tmp_path / "out" / "figure_2.svg").getroot().tag.endswith("svg")
    assert "1,029 products name an image. Of 200 that were tried, 198 exist and 197" in page.text
    for shown in ("1,237 records", "1,234", "88.1", "205", "no image", "(no title)", "6 are anim"):
        assert shown in page.text
    assert sum(tag == "img" for tag, _ in page.elements) == 1


def test_inspection_of_a_catalogue_without_labels(
    inspection: dict[str, Any], tmp_path: Path
) -> None:
    none = {"min": 0, "mean": 0.0, "median": 0.0, "max": 0}
    empty = {
        "products": 2,
        "classes": 0,
        "class_counts": {},
        "products_with_labels": {0: 2},
        "missing": {"title": 0},
    }
    inspection |= {
        "statistics": {**empty, "labels_per_product": none, "products_per_class": none},
        "note": "no categories",
        "reasons": {},
    }
    page = Page(write_inspection(inspection, tmp_path, images_of(inspection)).read_text("utf-8"))
    assert "no categories" in page.text
    assert "Every product has every field." in page.text
    assert not (tmp_path / "figure_2.svg").exists()


def test_report_says_how_well(report: str) -> None:
    text = Page(report).text
    for shown in (
        "micro-F1 73.4 %",
        "79 are right",
        "it finds 68",
        "between about 72.4 and 74.4 %",
        "78.8",
        "-0.43",
        "2 min 05 s",
        "0.37",
    ):
        assert shown in text
    assert text.index("Please note") < text.index("Table 1")


def test_headline_follows_the_rule_of_the_run(results: dict[str, Any], tmp_path: Path) -> None:
    results["settings"]["threshold"] = 0.5
    text = Page(write_report(results, tmp_path, nothing).read_text("utf-8")).text
    assert "micro-F1 68.4 %" in text
    assert "74 are right" in text
    assert "decided at a threshold of 0.5" in text
    assert "# shelfwise: micro-F1 68.4 %" in write_markdown(results, tmp_path).read_text("utf-8")


@pytest.mark.parametrize(
    ("rule", "words"), [("per_label", "label by label"), ("per_product", "expected F1")]
)
def test_rules_that_are_no_number(
    rule: str, words: str, results: dict[str, Any], tmp_path: Path
) -> None:
    results["settings"]["threshold"] = rule
    assert words in write_report(results, tmp_path, nothing).read_text("utf-8")
    assert words in write_markdown(results, tmp_path).read_text("utf-8")


def test_calibration_is_drawn_with_its_errors(results: dict[str, Any], tmp_path: Path) -> None:
    truth = np.random.default_rng(0).random((400, 6)) < 0.4
    scores = np.clip(truth * 0.4 + 0.3 + np.random.default_rng(1).normal(0, 0.2, truth.shape), 0, 1)
    before, after = calibration_figures(truth, scores), calibration_figures(truth, scores**1.5)
    queue = {
        "precision": 0.96123,
        "accepted_true": 0.5,
        "products_accepted": 0.4,
        "products_reviewed": 0.6,
        "products_rejected": 0.0,
    }
    queues = {
        "0.95": {**queue, "reviews": 1.25},
        "0.99": {**queue, "accepted_true": 0.0, "precision": 0.0, "reviews": 6.0},
    }
    results["decisions"] = {
        "calibration": "beta",
        "before": before,
        "after": after,
        "queues": queues,
    }
    page = Page(write_report(results, tmp_path, nothing).read_text("utf-8"))
    assert "before and after the beta calibration" in page.text
    for name in ("ece_width_top", "ece_mass_top", "brier_top", "ece_width", "ece_mass", "brier"):
        assert f"{before[name]:.4f}" in page.text
        assert f"{after[name]:.4f}" in page.text
    assert "96.1" in page.text
    assert "share of right labels" in page.text, "the drawing is there"
    assert not page.open


def test_similar_products(results: dict[str, Any], tmp_path: Path) -> None:
    figures = {"products": 230.0} | {
        f"{kind}@{k}": share
        for kind, share in (("recall", 0.8125), ("rarest", 0.4375))
        for k in (1, 5)
    }
    page = write_report(results | {"similar": figures}, tmp_path, nothing).read_text("utf-8")
    section = page[page.index('<section id="similar">') :]
    shown = re.findall(r'<td class="n">([^<]*)</td>', section[: section.index("</section>")])
    assert shown == ["1", "81.2", "43.8", "5", "81.2", "43.8"]
    assert "For 230 test products" in section
    for nothing_found in (None, {"not_run": "no faiss"}, figures | {"products": 0.0}):
        page = write_report(results | {"similar": nothing_found}, tmp_path, nothing).read_text(
            "utf-8"
        )
        assert 'id="similar"' not in page


def test_report_without_fusion_intervals_or_mistakes(
    results: dict[str, Any], tmp_path: Path
) -> None:
    """One classifier, no bootstrap, nothing mistaken, nothing to compare: still a page."""
    only = copy.deepcopy(results["systems"]["title"]) | {
        "micro_f1_interval": None,
        "micro_f1_tuned_interval": None,
    }
    results |= {
        "systems": {"title": only},
        "decide_with": "title",
        "mistakes": [],
        "labels": [],
        "notes": [],
        "timings": [],
    }
    results["errors"] = {"columns": {}, "overlap": {}, "rarity": {}, "changes": []}
    page = Page(write_report(results, tmp_path, nothing).read_text("utf-8"))
    assert_inert_and_complete(page)
    assert "micro-F1 68.0 %" in page.text
    assert "Please note" not in page.text
    assert "Table 3" not in page.text


def test_mistake_card(results: dict[str, Any], tmp_path: Path) -> None:
    Image.new("RGB", (640, 320), "blue").save(tmp_path / "p1.png")
    requested: list[str] = []

    def images(name: str) -> Path:
        requested.append(name)
        return tmp_path / "p1.png"

    html = write_report(results, tmp_path, images).read_text("utf-8")
    page = Page(html)
    assert requested == ["p1", "p2"], (
        "the mistake, and the product that members contradict each other on"
    )
    assert "absent: image" in page.text
    card = html[html.index('<table class="scores">') : html.index("absent: image")]
    assert re.findall(r'<td class="(missed|wrong|right)">', card) == ["missed", "wrong", "right"]
    assert re.findall(r">(\d\.\d\d)<", card) == [
        "0.20",
        "0.70",
        "0.80",
    ]  # title's; the fused scores say the same of one member
    source = next(a["src"] for t, a in page.elements if t == "img")
    assert source is not None
    with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as image:
        assert image.size == (THUMBNAIL, THUMBNAIL // 2)


def test_members_that_contradict_each_other(results: dict[str, Any], tmp_path: Path) -> None:
    text = " ".join(Page(write_report(results, tmp_path, nothing).read_text("utf-8")).text.split())
    assert "image predicts Shoes 0.91; title 0.02" in text
    assert "title predicts Laces 0.88; image 0.03" in text
    without = write_report({**results, "disagreements": []}, tmp_path, nothing).read_text("utf-8")
    assert "disagreements" not in without


def test_many_members_scroll_inside_their_card(results: dict[str, Any], tmp_path: Path) -> None:
    """Tables that may be wider than a telephone stand in a box that scrolls."""
    mistake = results["mistakes"][0]
    scores = mistake["scores"]
    mistake["members"] = {f"member {n}": scores for n in range(10)}
    html = write_report(results, tmp_path, nothing).read_text("utf-8")
    assert '<div class="scroll"><table class="scores wide">' in html
    assert '<table class="scores' not in html.replace(
        '<div class="scroll"><table class="scores', ""
    )
    card = html[html.index('<table class="scores wide">') :]
    assert re.findall(r'<th class="n">([^<]*)</th>', card)[:2] == ["final system", "member 0"]


def test_stages_are_summed_by_member_and_system(results: dict[str, Any], tmp_path: Path) -> None:
    seconds = {"member.title": 10.0, "fold.title.0": 2.5, "system.max": 1.0, "evaluate": 4.0}
    results["timings"] = [{"stage": stage, "seconds": value} for stage, value in seconds.items()]
    html = write_report(results, tmp_path, nothing).read_text("utf-8")
    section = html[html.index('<section id="time">') : html.index('<section id="run">')]
    bars = re.findall(r"<span>([^<]*)</span><i [^>]*></i><b>([^<]*)</b>", section)
    assert bars == [("title", "12 s"), ("evaluate", "4.0 s"), ("max", "1.0 s")]
    assert all(stage in section for stage in seconds)


def test_thresholds_without_validation_products_come_from_cross_fitting(
    results: dict[str, Any], tmp_path: Path
) -> None:
    results["data"]["validation"] = 0
    page = Page(write_report(results, tmp_path, nothing).read_text("utf-8")).text
    assert "tuned by cross-fitting" in page
    assert "validation products" not in page
    text = write_markdown(results, tmp_path).read_text("utf-8")
    assert "900 training and 234 test products (thresholds by cross-fitting)" in text


def test_a_page_that_fails_leaves_the_old_one(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = write_report(results, tmp_path, nothing)
    before = page.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report({**results, "seed": 1}, tmp_path, nothing)
    assert page.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure_2.svg", "index.html"]


def test_markdown_lets_no_html_through(results: dict[str, Any], tmp_path: Path) -> None:
    text = write_markdown(results, tmp_path).read_text("utf-8")
    assert "<" not in text
    for shown in ("73.4 %", "| max |", "&lt;script>", "(2/5)", "not run"):
        assert shown in text


def test_same_results_same_page(report: str, results: dict[str, Any], tmp_path: Path) -> None:
    assert write_report(results, tmp_path, nothing).read_text("utf-8") == report


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (None, "–")],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
