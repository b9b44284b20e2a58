"""Describes a product: a title with or without its noun, a description with or without its use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from shelfwise.catalog.sample.products import ProductPlan, pick
from shelfwise.catalog.sample.vocabulary import SampleVocabulary


def write_texts(
    plans: list[ProductPlan], words: SampleVocabulary, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """(title, description) of each product.

    Two are alike, but for the colour, only where one product is a copy of the other.
    """
    texts: list[tuple[str, str]] = []
    seen: set[str] = set()
    for plan in plans:
        if plan.copy_of is None:
            title = _unseen(_title, plan, words, rng, seen)
            description = _unseen(_description, plan, words, rng, seen)
        else:
            # a copy is the earlier product in another colour, and else the same to the letter
            before = f"in {plans[plan.copy_of].color}"
            after = f"in {plan.color}"
            title, description = (text.replace(before, after) for text in texts[plan.copy_of])
        texts.append((title, description))
    return texts


def _unseen(
    write: Callable[[ProductPlan, SampleVocabulary, np.random.Generator], str],
    plan: ProductPlan,
    words: SampleVocabulary,
    rng: np.random.Generator,
    seen: set[str],
) -> str:
    """A text whose letters were not used before: texts that are alike by chance would look like copies."""
    while True:
        text = write(plan, words, rng)
        letters = re.sub(r"[^a-z]+", " ", text.lower())
        if letters not in seen:
            seen.add(letters)
            return text


def _title(plan: ProductPlan, words: SampleVocabulary, rng: np.random.Generator) -> str:
    is_clear = rng.random() < plan.leaf.title_clarity
    # the collection's own name takes the place of a made-up one
    name = pick(rng, words.collections.cues[plan.collection]) if plan.collection else ""
    brand = plan.brand if rng.random() < 0.75 else ""
    name = name or _perhaps(0.8, words.titles.names, rng)
    adjective = _perhaps(0.6, words.titles.adjectives, rng)
    noun = pick(rng, plan.leaf.nouns if is_clear else words.titles.vague)
    # without a noun, a model number is all the more likely
    model = ""
    if rng.random() < (0.2 if is_clear else 0.6):
        letter = chr(65 + int(rng.integers(26)))
        model = f"{letter}-{rng.integers(100, 999)}"
    color = f"in {plan.color}" if rng.random() < 0.5 else ""
    extra = _perhaps(0.12, words.titles.extras, rng)
    title = " ".join(filter(None, (brand, name, adjective, noun, model, color)))
    return f"{title} - {extra}" if extra else title


def _perhaps(share: float, options: Sequence[str], rng: np.random.Generator) -> str:
    """One of `options` in this share of cases, otherwise nothing."""
    return pick(rng, options) if rng.random() < share else ""


def _description(plan: ProductPlan, words: SampleVocabulary, rng: np.random.Generator) -> str:
    is_clear = rng.random() < plan.leaf.description_clarity
    phrases = plan.leaf.uses if is_clear else plan.department.about
    first, second = rng.choice(len(phrases), 2, replace=False)
    opening = pick(rng, words.descriptions.openings)
    sentences = [f"{opening} {phrases[first]} and {phrases[second]}."]
    if rng.random() < 0.6:
        material = pick(rng, plan.department.materials)
        sentences.append(f"Made of {material} in {plan.color}.")
    # a use of any other category: words alone do not decide
    if rng.random() < 0.2:
        department = pick(rng, words.departments)
        use = pick(rng, pick(rng, department.leaf).uses)
        sentences.append(f"Bought together with another favourite, which {use}.")
    if plan.gift:
        cue = pick(rng, words.gifts.cues[plan.gift])
        sentences.append(f"{cue}.")
    generic = words.descriptions.generic
    chosen = rng.choice(len(generic), int(rng.integers(1, 4)), replace=False)
    sentences += [generic[i] for i in chosen]
    # the order of sentences tells nothing
    return " ".join(sentences[i] for i in rng.permutation(len(sentences)))
