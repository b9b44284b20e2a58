"""Pre-trained parts by name: those of a backbone too, no counts, nothing random."""

from __future__ import annotations

from shelfwise.reports.pretrained_parts import pretrained_parts, provenance_facts

PROVENANCE = {
    "encoder": "a package",
    "weights": 4711,
    "vectors": "random",
    "backbone": {"used": "resnet50", "weights": "a hub", "encoder": "a package"},
}


def test_names_are_those_of_pretrained_parts_each_once() -> None:
    assert pretrained_parts(PROVENANCE) == ["a package", "a hub"]
    assert pretrained_parts(None) == pretrained_parts({}) == []


def test_facts_of_a_part_carry_its_name() -> None:
    facts = dict(provenance_facts(PROVENANCE))
    assert facts["weights"] == 4711
    assert facts["backbone.used"] == "resnet50"
    assert len(facts) == 6
