"""What the sample's products can be, and the words that describe them: the files of ``words/``, checked."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class _Words(BaseModel):
    """A mistyped key in a file of ``words/`` is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LeafCategory(_Words):
    """A category of the second level.

    Args:
        shape: how it is drawn; categories that share a shape look alike.
        weight: how frequent it is beside the others.
        price: the median of its prices.
        nouns: what titles call it.
        uses: what descriptions write about it, to follow "It".
        title_clarity: share of its titles that use one of the nouns.
        description_clarity: share of its descriptions that name one of the uses.
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
    leaf: tuple[LeafCategory, ...]


class ListingWords(_Words):
    """A first-level category in which products of every department are listed as well.

    Args:
        shelf: its name.
        share: share of the products that are listed there.
        cues: second-level category -> phrases that name it.
    """

    shelf: str
    share: float = Field(ge=0, le=1)
    cues: dict[str, tuple[str, ...]]


class TitleWords(_Words):
    """What titles are made of besides nouns."""

    adjectives: tuple[str, ...]
    vague: tuple[str, ...]
    names: tuple[str, ...]
    extras: tuple[str, ...]


class DescriptionWords(_Words):
    """What descriptions are made of besides uses."""

    openings: tuple[str, ...]
    generic: tuple[str, ...]


class SampleVocabulary(_Words):
    """All of it: ``common.toml``, and one department a further file."""

    collections: ListingWords
    gifts: ListingWords
    prints: ListingWords
    titles: TitleWords
    descriptions: DescriptionWords
    departments: tuple[Department, ...]


@cache
def load_vocabulary() -> SampleVocabulary:
    """The vocabulary that the package carries.

    >>> departments = load_vocabulary().departments
    >>> len(departments), sum(len(department.leaf) for department in departments)
    (8, 48)
    """
    folder = files("shelfwise.catalog.sample").joinpath("words")
    pages = {}
    # in the order of their names: products are drawn from departments by position
    for page in sorted(folder.iterdir(), key=lambda page: page.name):
        if page.name.endswith(".toml"):
            pages[page.name] = tomllib.loads(page.read_text("utf-8"))
    common = pages.pop("common.toml")
    return SampleVocabulary.model_validate({**common, "departments": tuple(pages.values())})
