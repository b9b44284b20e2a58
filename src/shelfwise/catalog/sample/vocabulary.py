"""What the sample catalogue's products can be and what can be said of them: the files of ``words/``, checked."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class _Words(BaseModel):
    """A mistyped key in a file of ``words/`` is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Leaf(_Words):
    """A category of the second level.

    Args:
        shape: how it is drawn; leaves that share a shape look alike.
        weight: how frequent it is beside the other leaves.
        price: the middle of its prices.
        nouns: what titles call it.
        uses: what descriptions say of it, to follow "It".
        title_clarity: share of its titles that use one of the nouns.
        description_clarity: share of its descriptions that tell one of the uses.
    """

    name: str
    shape: str
    weight: float = Field(gt=0)
    price: float = Field(gt=0)
    nouns: tuple[str, ...]
    uses: tuple[str, ...]
    title_clarity: float = Field(0.96, ge=0, le=1)
    description_clarity: float = Field(0.72, ge=0, le=1)


class Department(_Words):
    """A category of the first level, and what its products share."""

    name: str
    brands: tuple[str, ...]
    materials: tuple[str, ...]
    about: tuple[str, ...]
    leaf: tuple[Leaf, ...]


class ListingWords(_Words):
    """A shelf on which products of every department are listed as well.

    Args:
        share: share of the products that are listed there.
        cues: second-level category -> what tells it.
    """

    shelf: str
    share: float = Field(ge=0, le=1)
    cues: dict[str, tuple[str, ...]]


class Titles(_Words):
    """What titles are made of besides nouns."""

    adjectives: tuple[str, ...]
    vague: tuple[str, ...]
    names: tuple[str, ...]
    extras: tuple[str, ...]


class Descriptions(_Words):
    """What descriptions are made of besides uses."""

    openings: tuple[str, ...]
    generic: tuple[str, ...]


class _Common(_Words):
    collections: ListingWords
    gifts: ListingWords
    prints: ListingWords
    titles: Titles
    descriptions: Descriptions


class Vocabulary(_Common):
    """All of it."""

    departments: tuple[Department, ...]


@cache
def load() -> Vocabulary:
    """The vocabulary that the package carries.

    >>> len(load().departments), sum(len(d.leaf) for d in load().departments)
    (8, 48)
    """
    pages = {
        page.name: tomllib.loads(page.read_text("utf-8"))
        for page in sorted(
            files("shelfwise.catalog.sample").joinpath("words").iterdir(), key=lambda page: page.name
        )
        if page.name.endswith(".toml")
    }
    common = pages.pop("common.toml")
    return Vocabulary.model_validate({**common, "departments": tuple(pages.values())})
