"""From a model and a file to the list of an audit, to corrections, and to what they change."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.corrections import apply_corrections
from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.audit import audit_catalog
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, LabelError
from shelfwise.evaluation.before_after import compare_retrained
from shelfwise.model.model import Model
from shelfwise.reports.audit_report import write_findings
from shelfwise.training.fit import fit_catalog

SETTINGS: dict[str, Any] = {
    "labels": {"min_count": 8},
    "split": {"validation_fraction": 0},
    "stacking": {"folds": 3},
    "evaluation": {"bootstrap": 50},
    "decide_with": "text",
    "members": {"text": {"modality": "text_linear", "field": "title+description"}},
}
TEST, SPOILT = 60, 12
EVIL = "<script>alert('x')</script>"


def written(records: Iterable[dict[str, Any]], path: Path) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def shop(records: list[dict[str, Any]], sample: Path) -> dict[str, Any]:
    """The sample's tagged products, the last ones kept for a test; some others have lost or got a label."""
    tagged = [
        {**r, "description": r["description"] or r["title"]}
        for r in records
        if r["categories"] and r["title"]
    ]
    training, test = [dict(r) for r in tagged[:-TEST]], tagged[-TEST:]
    rng, truth = (
        np.random.default_rng(0),
        {r["id"]: flatten(r["categories"], "flat") for r in training},
    )
    counts = Counter(name for labels in truth.values() for name in labels)
    names = sorted(name for name, count in counts.items() if count >= 12)
    several = [row for row, r in enumerate(training) if len(truth[r["id"]] & set(names)) > 1]
    for place, row in enumerate(rng.choice(several, SPOILT, replace=False)):
        labels = sorted(truth[training[row]["id"]] & set(names))
        if place % 2:
            gone = labels[rng.integers(len(labels))]
            training[row]["categories"] = [
                [n for n in path if n != gone] for path in training[row]["categories"]
            ]
        else:
            training[row]["categories"] = [
                *training[row]["categories"],
                [str(rng.choice([n for n in names if n not in labels]))],
            ]
    wrong = [r["id"] for r in training if flatten(r["categories"], "flat") != truth[r["id"]]]
    folder = sample.parent
    files = {
        "training": written(training, folder / "spoilt.jsonl"),
        "test": written(test, folder / "kept.jsonl"),
    }
    return {**files, "truth": truth, "wrong": wrong, "records": training}


@pytest.fixture(scope="module")
def model(shop: dict[str, Any]) -> Model:
    return fit_catalog(read_catalog(shop["training"]).catalog, Config.parse(SETTINGS), Context())


@pytest.fixture(scope="module")
def audited(
    model: Model, shop: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("audit") / "new" / "folder"
    return audit_catalog(model, shop["training"], out, top_fraction=0.15)


def lines(summary: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in Path(summary["corrections"]).read_text("utf-8").splitlines()
    ]


def test_spoilt_products_lead_the_list(audited: dict[str, Any], shop: dict[str, Any]) -> None:
    found = lines(audited)
    listed = [finding["id"] for finding in found]
    assert audited["listed"] == len(found) == round(0.15 * audited["products"])
    assert audited["products"] == audited["out_of_fold"]
    # the sample names some pictures that are not there; nothing else weakens this audit
    (note,) = audited["notes"]
    assert "pictures could not be compared to find near-copies" in note
    assert (
        len(set(listed) & set(shop["wrong"])) >= 0.5 * SPOILT
    )  # by chance it would be 0.15; so few products teach little
    suspicions = [finding["suspicion"] for finding in found]
    assert suspicions == sorted(suspicions, reverse=True)
    assert all(0 < s <= 1 for s in suspicions)


def test_every_line_is_a_change_with_its_evidence(audited: dict[str, Any], model: Model) -> None:
    for finding in lines(audited):
        assert set(finding["suggested"]) == (set(finding["given"]) - set(finding["remove"])) | set(
            finding["add"]
        )
        assert finding["suggested"] != finding["given"]
        assert finding["decision"] is None
        assert set(finding["evidence"]) == {*finding["add"], *finding["remove"]}
        for label, evidence in finding["evidence"].items():
            assert evidence["is"] == ("missing" if label in finding["add"] else "wrong")
            assert evidence["members"] == {}, "the members have seen these products"
            near = evidence["near"]
            assert near is None or (
                0 <= near["carry"] <= near["of"] == 10
                and finding["id"] not in [n["id"] for n in near["shown"]]
            )
    counted = {row["label"]: row["missing"] + row["wrong"] for row in audited["labels"]}
    assert sum(counted.values()) == sum(len(finding["evidence"]) for finding in lines(audited))


def test_both_tables_are_corrections_and_accepting_what_is_right_mends_the_catalogue(
    audited: dict[str, Any], shop: dict[str, Any], tmp_path: Path
) -> None:
    right = {f["id"] for f in lines(audited) if set(f["suggested"]) == shop["truth"][f["id"]]}
    assert len(right & set(shop["wrong"])) >= 3
    decided = [
        {**f, "decision": "accept" if f["id"] in right else "keep" if i % 2 else None}
        for i, f in enumerate(lines(audited))
    ]
    table = tmp_path / "audit.csv"
    with (
        Path(audited["table"]).open(encoding="utf-8-sig", newline="") as source,
        table.open("w", encoding="utf-8", newline="") as target,
    ):
        rows = list(csv.DictReader(source))
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {**row, "decision": d["decision"] or ""} for row, d in zip(rows, decided, strict=True)
        )
    catalog = read_catalog(shop["training"]).catalog
    (one, report), (two, same) = (
        apply_corrections(catalog, read_corrections(path))
        for path in (written(decided, tmp_path / "audit.jsonl"), table)
    )
    assert one.column("categories") == two.column("categories")
    assert report == same
    assert report.changed == len(right)
    fixed = dict(zip(one.ids, one.column("categories"), strict=True))
    assert all(flatten(fixed[name], "flat") == shop["truth"][name] for name in right)


def test_the_page_is_complete_and_shows_images(audited: dict[str, Any]) -> None:
    page = Path(audited["page"]).read_text("utf-8")
    assert page.count('<article class="card">') == audited["listed"]
    assert "data:image/jpeg;base64," in page
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_catalogue_texts_cannot_act_on_the_page_nor_in_a_spreadsheet(tmp_path: Path) -> None:
    near = {"of": 3, "carry": 2, "shown": [{"id": EVIL, "title": EVIL, "similarity": 0.5}]}
    evidence = {
        "=cmd": {"is": "missing", "score": 0.9, "doubt": 0.8, "members": {EVIL: 0.5}, "near": near}
    }
    finding = {
        "id": "-1",
        "title": f"=cmd {EVIL}",
        "suspicion": 0.9,
        "given": [EVIL, "A|B"],
        "suggested": ["=cmd", EVIL, "A|B"],
    }
    finding |= {"add": ["=cmd"], "remove": [], "evidence": evidence, "decision": None}
    copy = {"id": EVIL, "title": EVIL, "other_labels": [EVIL], "differs_from_most": True}
    summary = {
        "source": EVIL,
        "products": 1,
        "left_out": {EVIL: 1},
        "listed": 1,
        "out_of_fold": 1,
        "system": EVIL,
        "notes": [EVIL],
    }
    files = write_findings(
        {
            **summary,
            "labels": [{"label": EVIL, "missing": 1, "wrong": 0}],
            "disagreeing_copies": 1,
        },
        [finding],
        [{"labels": [EVIL], "products": [copy]}],
        tmp_path,
        lambda _: None,
    )
    assert "<script>alert" not in Path(files["page"]).read_text("utf-8")
    (row,) = csv.DictReader(Path(files["table"]).read_text("utf-8-sig").splitlines())
    assert not any(value.startswith(("=", "-")) for value in row.values())
    (correction,) = read_corrections(files["table"])
    assert (correction.id, correction.add, correction.suggested) == (
        "-1",
        ("=cmd",),
        ("=cmd", EVIL, "A|B"),
    )


def test_new_products_are_judged_by_ordinary_scores_with_what_each_member_says(
    model: Model, shop: dict[str, Any], tmp_path: Path
) -> None:
    new = [{**r, "id": f"new-{r['id']}"} for r in shop["records"]]
    untagged = [
        {"id": "1", "title": "Mug"},
        {"id": "2", "title": "Mug", "categories": [["No such label"]]},
        {"id": "3", "categories": [["Other"]]},
    ]
    without_fields = {"id": "4", "categories": new[0]["categories"]}
    summary = audit_catalog(
        model,
        written([*new, *untagged, without_fields], tmp_path / "new.jsonl"),
        tmp_path / "out",
        top_fraction=0.1,
    )
    assert summary["out_of_fold"] == 0
    assert summary["products"] == len(new)
    assert summary["left_out"] == {
        "products without categories": 1,
        "products without a category the model knows": 2,
        "products without any field to judge by": 1,
    }
    assert all(
        set(e["members"]) == {"text"}
        for finding in lines(summary)
        for e in finding["evidence"].values()
    )


def test_without_out_of_fold_scores_the_audit_says_what_it_lacks(
    model: Model, shop: dict[str, Any], tmp_path: Path
) -> None:
    bare = dataclasses.replace(model, out_of_fold=None)
    summary = audit_catalog(bare, shop["training"], tmp_path)
    assert summary["out_of_fold"] == 0
    assert "kept no out-of-fold scores" in summary["notes"][0]
    assert summary["notes"][0] in Path(summary["page"]).read_text("utf-8").replace("&#39;", "'")
    without = audit_catalog(
        dataclasses.replace(bare, nearest_neighbours=None), shop["training"], tmp_path
    )
    assert all(
        e["near"] is None for finding in lines(without) for e in finding["evidence"].values()
    )


def test_suggested_paths_are_whole(shop: dict[str, Any], tmp_path: Path) -> None:
    config = Config.parse({**SETTINGS, "labels": {"min_count": 5, "mode": "path"}})
    paths = fit_catalog(read_catalog(shop["training"]).catalog, config, Context())
    for finding in lines(audit_catalog(paths, shop["training"], tmp_path)):
        for name in finding["add"]:
            above = name.rpartition(" > ")[0]
            assert not above or above in finding["suggested"]
        assert not any(
            other.startswith(name + " > ")
            for name in finding["remove"]
            for other in finding["suggested"]
        )


def test_what_cannot_be_audited_is_refused(model: Model, tmp_path: Path) -> None:
    nothing = written([{"id": "1", "title": "Mug"}], tmp_path / "untagged.jsonl")
    why = r"nothing to audit in .*: products without categories: 1; give"
    with pytest.raises(CatalogError, match=why):
        audit_catalog(model, nothing, tmp_path / "out")
    with pytest.raises(CatalogError, match="above 0 and at most 1"):
        audit_catalog(model, nothing, tmp_path / "out", top_fraction=0)
    assert not (tmp_path / "out").exists()


def test_before_and_after_on_products_that_neither_model_was_trained_on(
    model: Model, shop: dict[str, Any]
) -> None:
    right = [
        {**r, "categories": [[name] for name in sorted(shop["truth"][r["id"]])]}
        for r in shop["records"]
    ]
    fewer = Config.parse({**SETTINGS, "labels": {"min_count": 30}})
    after = fit_catalog(
        read_catalog(written(right, shop["training"].with_name("fixed.jsonl"))).catalog,
        fewer,
        Context(),
    )
    test = read_catalog(shop["test"]).catalog
    found = compare_retrained(model, after, test, Context())
    assert found["products"] == len(test)
    assert found["left_out"] == {}
    assert set(after.labels.names) < set(model.labels.names)
    forgotten = [row for row in found["labels"] if row["label"] not in after.labels.names]
    assert forgotten
    assert all(row["after"] == 0 < row["before"] for row in forgotten)
    both = compare_retrained(model, model, read_catalog(shop["test"]).catalog, Context())
    assert both["labels"] == []
    assert both["before"] == both["after"]
    # training products count too, by scores of models that had not seen them
    training = read_catalog(shop["training"]).catalog
    seen = compare_retrained(model, after, training, Context())
    assert seen["products"] > len(test)
    assert seen["before"]["micro_f1"] < 1
    assert model.out_of_fold is not None
    forgetful = dataclasses.replace(model, out_of_fold=None)
    with pytest.raises(CatalogError, match="training products"):
        compare_retrained(forgetful, after, training, Context())
    other = dataclasses.replace(after, labels=dataclasses.replace(after.labels, mode="path"))
    with pytest.raises(LabelError, match="one reads labels as flat, the other as path"):
        compare_retrained(model, other, test, Context())
