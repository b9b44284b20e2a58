"""Puts a product into words: a title that tells its noun or withholds it, a description that tells its use or withholds it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from shelfwise.catalog.sample.products import ProductPlan, pick
from shelfwise.catalog.sample.vocabulary import Vocabulary


def write_texts(
    plans: list[ProductPlan], words: Vocabulary, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """(title, description) of each product; two are alike, but for the colour, only where one is a copy of the other."""
    texts: list[tuple[str, str]] = []
    seen: set[str] = set()
    for plan in plans:
        if plan.copy_of is None:
            texts.append(
                (_fresh(_title, plan, words, rng, seen), _fresh(_description, plan, words, rng, seen))
            )
        else:
            before, now = f"in {plans[plan.copy_of].color}", f"in {plan.color}"
            title, description = texts[plan.copy_of]
            texts.append((title.replace(before, now), description.replace(before, now)))
    return texts


def _fresh(
    write: Callable[[ProductPlan, Vocabulary, np.random.Generator], str],
    plan: ProductPlan,
    words: Vocabulary,
    rng: np.random.Generator,
    seen: set[str],
) -> str:
    """A text whose letters were not used before: products that only happen to be worded alike would look like copies."""
    while True:
        text = write(plan, words, rng)
        letters = re.sub(r"[^a-z]+", " ", text.lower())
        if letters not in seen:
            seen.add(letters)
            return text


def _title(plan: ProductPlan, words: Vocabulary, rng: np.random.Generator) -> str:
    clear = rng.random() < plan.leaf.title_clarity
    cue = pick(rng, words.collections.cues[plan.collection]) if plan.collection else ""
    parts = [
        plan.brand if rng.random() < 0.75 else "",
        cue or (pick(rng, words.titles.names) if rng.random() < 0.8 else ""),
        pick(rng, words.titles.adjectives) if rng.random() < 0.6 else "",
        pick(rng, plan.leaf.nouns) if clear else pick(rng, words.titles.vague),
        f"{chr(65 + int(rng.integers(26)))}-{rng.integers(100, 999)}"
        if rng.random() < (0.2 if clear else 0.6)
        else "",
        f"in {plan.color}" if rng.random() < 0.5 else "",
    ]
    extra = f" - {pick(rng, words.titles.extras)}" if rng.random() < 0.12 else ""
    return " ".join(filter(None, parts)) + extra


def _description(plan: ProductPlan, words: Vocabulary, rng: np.random.Generator) -> str:
    told = plan.leaf.uses if rng.random() < plan.leaf.description_clarity else plan.department.about
    first, second = (told[i] for i in rng.choice(len(told), 2, replace=False))
    sentences = [f"{pick(rng, words.descriptions.openings)} {first} and {second}."]
    if rng.random() < 0.6:
        sentences.append(f"Made of {pick(rng, plan.department.materials)} in {plan.color}.")
    if rng.random() < 0.2:
        other = pick(rng, pick(rng, pick(rng, words.departments).leaf).uses)
        sentences.append(f"Bought together with another favourite, which {other}.")
    if plan.gift:
        sentences.append(f"{pick(rng, words.gifts.cues[plan.gift])}.")
    generic = words.descriptions.generic
    sentences += [generic[i] for i in rng.choice(len(generic), int(rng.integers(1, 4)), replace=False)]
    return " ".join(sentences[i] for i in rng.permutation(len(sentences)))
