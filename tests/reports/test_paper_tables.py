"""The paper's tables: its own rows come out in its own order, and ours stand beside its figures."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from shelfwise.metrics.error_analysis import (
    ErrorRow,
    changes,
    error_table,
    overlap,
    rarity,
    worst_first,
)
from shelfwise.reports.paper_tables import (
    TABLE_1,
    TABLE_3,
    error_markdown,
    run_table,
    table_1,
    table_3,
)

PAPER = {  # tables 2 and 4 of the paper, top to bottom
    "image": "Martial Arts 146/154; Ballpoint Pens 192/203; Reptiles & Amphibians 136/144; "
    "Small Animals 327/349; Chew Toys 123/132; Squeak Toys 202/223; Cards & Card Stock 222/246; "
    "Filter Accessories 108/120; Other Sports 188/210; Bedding 154/174; "
    "Tape, Adhesives & Fasteners 231/262; Birds 432/490; Pumps & Filters 270/308; "
    "Cages & Accessories 125/144; Horses 229/265",
    "description": "Women 107/134; Accessories 663/924; Clothing, Shoes & Jewelry 481/686; Boating 222/327; "
    "Novelty, Costumes & More 194/303; Parts & Components 135/212; Men 183/291; Chew Toys 83/132; "
    "Balls 116/185; Boating & Water Sports 368/591; Tape, Adhesives & Fasteners 161/262; "
    "Office Furniture & Lighting 340/556; Forms, Recordkeeping & Money Handling 196/323; "
    "Hunting Knives 89/152; Team Sports 228/399",
    "title": "Horses 167/265; Novelty, Costumes & More 176/303; Women 77/134; Accessories 521/924; "
    "Feeding 137/244; Clothing, Shoes & Jewelry 384/686; Hunting & Tactical Knives 94/175; "
    "Balls 99/185; Hunting Knives 80/152; Boating 171/327; Small Animals 176/349; Men 146/291; "
    "Chew Toys 65/132; Boating & Water Sports 275/591; Carriers & Travel Products 65/142",
    "image+title+description": "Chew Toys 64/132; Accessories 417/924; Women 58/134; "
    "Novelty, Costumes & More 127/303; "
    "Snacks 143/363; Hunting Knives 59/152; Men 112/291; Clothing, Shoes & Jewelry 256/686; "
    "Hunting & Tactical Knives 65/175; Shampoos 58/158; Balls 67/185; Squeak Toys 79/223; "
    "Horses 92/265; Boating 113/327; Airsoft 68/200",
}


def rows_of(text):
    parts = (entry.rsplit(" ", 1) for entry in text.split("; "))
    return [
        ErrorRow(label=label, missed=int(counts.split("/")[0]), total=int(counts.split("/")[1]))
        for label, counts in parts
    ]


COLUMNS = {name: rows_of(text) for name, text in PAPER.items()}
SINGLES = {name: COLUMNS[name] for name in ("image", "description", "title")}


def decisions_with(rows):
    """Targets and decisions whose missed and total are those of `rows`, in shuffled label order."""
    rows = random.Random(0).sample(rows, len(rows))
    products = max(row["total"] for row in rows)
    targets, decided = np.zeros((2, products, len(rows)), dtype=bool)
    for label, row in enumerate(rows):
        targets[: row["total"], label] = True
        decided[row["missed"] : row["total"], label] = True
        decided[row["total"] :, label] = True  # wrongly given: no business of this table
    return targets, decided, [row["label"] for row in rows]


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_pairs_come_out_in_the_papers_order(name):
    assert error_table(*decisions_with(COLUMNS[name])) == COLUMNS[name]
    assert worst_first(reversed(COLUMNS[name])) == COLUMNS[name]


def test_the_papers_columns_overlap_as_they_do():
    shared = overlap(SINGLES)
    sizes = {pair: len(labels) for pair, labels in shared.items()}
    assert sizes == {
        "image & description": 2,
        "image & title": 3,
        "description & title": 10,
        "all": 1,
    }
    assert shared["all"] == ["Chew Toys"]
    assert shared["image & description"] == ["Chew Toys", "Tape, Adhesives & Fasteners"]
    assert overlap({}) == overlap({"image": COLUMNS["image"]}) == {}


def test_ties_go_to_the_larger_total_and_then_the_later_name():
    rows = [
        ErrorRow(label=name, missed=m, total=t)
        for name, m, t in (("a", 1, 2), ("b", 1, 2), ("c", 2, 4), ("d", 0, 9), ("e", 0, 5))
    ]
    assert [row["label"] for row in worst_first(rows)] == ["c", "b", "a", "d", "e"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_totals_are_supports_and_missed_never_exceeds_them(seed):
    numbers = np.random.default_rng(seed)
    targets, decided = numbers.random((2, 12, 6)) < 0.3
    rows = error_table(targets, decided, list("abcdef"), top=None)
    supports = dict(zip("abcdef", targets.sum(axis=0).tolist(), strict=True))
    assert {row["label"]: row["total"] for row in rows} == {
        label: total for label, total in supports.items() if total
    }
    assert sum(row["missed"] for row in rows) == np.count_nonzero(targets & ~decided)
    assert all(row["missed"] <= row["total"] for row in rows)
    assert json.loads(json.dumps(rows)) == rows
    assert error_table(targets, decided, list("abcdef"), top=2) == rows[:2]


def test_rarity_is_the_rank_correlation_over_labels_with_support():
    targets, decided, _ = decisions_with(COLUMNS["description"])
    expected = spearmanr(
        [r["missed"] / r["total"] for r in COLUMNS["description"]],
        [r["total"] for r in COLUMNS["description"]],
    ).statistic
    assert rarity(targets, decided) == pytest.approx(expected)
    padded = np.pad(targets, ((0, 0), (0, 2))), np.pad(decided, ((0, 0), (0, 2)))
    assert rarity(*padded) == pytest.approx(expected)


def test_rarity_has_a_sign():
    targets = np.tri(5, dtype=bool)  # supports 5, 4, 3, 2, 1
    decided = targets.copy()
    decided[4] = False  # one missed of each: the rarer, the higher its rate
    assert rarity(targets, decided) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("targets", "decided"),
    [(np.tri(4), np.tri(4)), (np.ones((4, 4)), np.tri(4)), (np.ones((2, 2)), np.eye(2))],
)
def test_rarity_of_constants_is_unknown(targets, decided):
    assert rarity(targets, decided) is None


def test_changes_compare_the_best_single_with_the_fused():
    targets = np.array([[1, 1, 1, 0]] * 4, dtype=bool)
    poor, good, fused = np.zeros((3, 4, 4), dtype=bool)
    good[:, :2] = True
    good[3, 0] = False
    fused[:, [0, 2]] = True
    rows = changes(targets, {"poor": poor, "good": good}, fused, ["a", "b", "c", "unused"])
    assert rows == [
        {"label": "b", "best_single": 0, "fused": 4, "total": 4},
        {"label": "c", "best_single": 4, "fused": 0, "total": 4},
        {"label": "a", "best_single": 1, "fused": 0, "total": 4},
    ]
    assert changes(targets, {"good": good}, fused, ["a", "b", "c", "unused"], top=1) == rows[:1]


def test_error_markdown_has_a_column_a_system():
    lines = error_markdown({"title": COLUMNS["title"], "short": COLUMNS["image"][:1]}).splitlines()
    assert lines[:2] == ["|  | title | short |", "|---|---|---|"]
    assert lines[2] == "| 1 | Horses (167/265) | Martial Arts (146/154) |"
    assert lines[3] == "| 2 | Novelty, Costumes & More (176/303) |  |"
    assert len(lines) == 2 + 15
    assert error_markdown({}).splitlines() == ["|  |", "|---|"]


def test_the_papers_figures():
    assert list(TABLE_1.values()) == [82.7, 77.0, 61.0]
    assert list(TABLE_3.values()) == [78.8, 81.7, 83.0, 82.0, 85.0, 87.0, 88.2]


def test_tables_1_and_3_show_what_ran_beside_the_paper():
    system = {
        "micro_f1": 0.7126,
        "micro_f1_tuned": 0.738,
        "macro_f1": 0.375,
        "seconds_fit": 19.04,
        "seconds_predict": 0.5,
    }
    systems = {
        "description": {
            **system,
            "micro_f1_interval": [0.7, 0.725],
            "micro_f1_tuned_interval": None,
        },
        "image": {"not_run": "needs timm | torch\nvision"},
        "ridge": system,
        "another": system,
    }
    first, third = (
        table_1({"systems": systems}).splitlines(),
        table_3({"systems": systems}).splitlines(),
    )
    head = [
        "system",
        "micro-F1 at 0.5",
        "micro-F1 tuned",
        "macro-F1 at 0.5",
        "fit (s)",
        "predict (s)",
    ]
    assert first[0] == f"| {' | '.join(head)} | paper (Amazon) |"
    assert first[2] == "| title | not run: not part of this run |  |  |  |  | 82.7 |"
    assert first[3] == "| description | 71.3 (70.0 to 72.5) | 73.8 | 37.5 | 19.0 | 0.5 | 77.0 |"
    assert first[4] == "| image | not run: needs timm \\| torch vision |  |  |  |  | 61.0 |"
    assert [line.split(" | ")[0][2:] for line in third[2:]] == list(TABLE_3)
    assert third[4] == "| ridge | 71.3 | 73.8 | 37.5 | 19.0 | 0.5 | 83.0 |"
    assert len({line.replace("\\|", "").count("|") for line in first + third}) == 1


def test_a_run_shows_its_own_systems_and_names_the_papers_that_it_has_not() -> None:
    figures = {"micro_f1": 0.5, "micro_f1_tuned": 0.625, "macro_f1": 0.25}
    systems = {"title": figures, "blend": figures, "image": {"not_run": "no product has one"}}
    header, rule, title, blend, image, blank, absent = run_table({"systems": systems}).splitlines()
    assert header.count("|") == rule.count("|") == title.count("|")
    assert title == "| title | 50.0 | 62.5 | 25.0 |  |  | 82.7 |"
    # the paper has no such system
    assert blend == "| blend | 50.0 | 62.5 | 25.0 |  |  |  |"
    assert image.startswith("| image | not run: no product has one |")
    assert not blank
    assert absent.startswith("not part of this run: description, max, mean, ridge,")
    every = {name: figures for name in (*TABLE_1, *TABLE_3)}
    assert "not part" not in run_table({"systems": every})
