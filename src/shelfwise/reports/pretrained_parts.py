"""Which pre-trained parts a member uses, from what its plug-in reports of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCES = ("weights", "vectors", "encoder")
"""The keys under which plug-ins name the pre-trained parts they use."""


def provenance_facts(provenance: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Every fact of a member as (key, value); facts of a part of it, such as its backbone, as PART.KEY.

    >>> provenance_facts({"known": 12, "backbone": {"weights": "imagenet"}})
    [('known', 12), ('backbone.weights', 'imagenet')]
    """
    facts: list[tuple[str, Any]] = []
    for key, value in (provenance or {}).items():
        # one level is as deep as plug-ins nest them
        if isinstance(value, Mapping):
            facts += [(f"{key}.{inner}", found) for inner, found in value.items()]
        else:
            facts.append((key, value))
    return facts


def pretrained_parts(provenance: Mapping[str, Any] | None) -> list[str]:
    """The names of the pre-trained parts, each once.

    >>> pretrained_parts({"weights": 4711, "backbone": {"weights": "imagenet"}, "vectors": "random"})
    ['imagenet']
    """
    names: dict[str, None] = {}
    for key, value in provenance_facts(provenance):
        source = key.split(".")[-1]
        # a linear model's "weights" is a count, and random weights are not pre-trained
        if source in SOURCES and isinstance(value, str) and value != "random":
            names[value] = None
    return list(names)
