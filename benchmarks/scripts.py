"""Catalogues in many scripts, each with and without blanks between its words.

python benchmarks/scripts.py [--out FILE.json]

Words are made of random letters of a script. Each of 30 labels has two words of its own, and a title has one
word of each of its one or two labels among three to five fillers. 600 titles to learn from, 300 to test on,
text members of the preset `quick`. The same titles without blanks should not be worse.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from command_line import described

from shelfwise import Categorizer
from shelfwise.text.tokenization import Segmentation

LABELS, FILLERS, TRAINING, TEST = 30, 150, 600, 300

Word = Callable[[random.Random], str]


def letters(first: int, last: int) -> str:
    """The characters of a range of code points."""
    return "".join(map(chr, range(first, last + 1)))


IDEOGRAPHS, HIRAGANA = letters(0x4E00, 0x52AF), letters(0x3042, 0x308F)
KATAKANA, HANGUL = letters(0x30A2, 0x30F3), letters(0xAC00, 0xB300)
THAI, THAI_VOWELS = letters(0x0E01, 0x0E2E), ["", *"าิีึืุูะำ"]
HINDI, HINDI_VOWELS = letters(0x0915, 0x0939), ["", *"ािीुेो"]
ARABIC = letters(0x0628, 0x063A) + letters(0x0641, 0x064A)
LATIN = letters(ord("a"), ord("z"))


def syllables(consonants: str, vowels: list[str], count: int) -> Word:
    """Words of consonants with a vowel each."""

    def word(random_: random.Random) -> str:
        parts = [random_.choice(consonants) + random_.choice(vowels) for _ in range(count)]
        return "".join(parts)

    return word


def japanese(random_: random.Random) -> str:
    """Two ideographs with an ending of two hiragana."""
    return "".join(random_.choices(IDEOGRAPHS, k=2) + random_.choices(HIRAGANA, k=2))


SCRIPTS: dict[str, Word] = {
    "Chinese": syllables(IDEOGRAPHS, [""], 2),
    "Japanese": japanese,
    "Japanese (katakana)": syllables(KATAKANA, [""], 3),
    "Korean": syllables(HANGUL, [""], 2),
    "Thai": syllables(THAI, THAI_VOWELS, 3),
    "Hindi": syllables(HINDI, HINDI_VOWELS, 3),
    "Arabic": syllables(ARABIC, [""], 5),
    "Latin (compounds)": syllables(LATIN, [""], 6),
}


def main() -> None:
    """Fit every script twice, with and without blanks, and print a table."""
    arguments = described(__doc__)
    arguments.add_argument("--out", type=Path, default=Path("build/bench/scripts.json"))
    args = arguments.parse_args()
    segmentations: tuple[Segmentation, ...] = ("blanks", "unicode")
    found: dict[str, dict[str, float]] = {}
    print("| script | with blanks | without, parted at blanks | without, by Unicode's rules |")
    print("|---|---|---|---|", flush=True)
    for name, word in SCRIPTS.items():
        figures = {"with blanks": micro_f1(word, " ", "unicode")}
        for segmentation in segmentations:
            figures[segmentation] = micro_f1(word, "", segmentation)
        found[name] = figures
        print(f"| {name} | " + " | ".join(f"{x:.1f}" for x in figures.values()) + " |", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1), "utf-8")


def micro_f1(word: Word, blank: str, segmentation: Segmentation) -> float:
    """Micro-F1 in percent on the test titles, whose words `blank` parts."""
    random_ = random.Random(0)
    words = [[word(random_), word(random_)] for _ in range(LABELS)]
    fillers = [word(random_) for _ in range(FILLERS)]
    titles, labels = make(words, fillers, blank, TRAINING + TEST, random_)
    # Latin words need no members that read nothing here
    settings = {"segmentation": segmentation}
    members = {
        "title": {"modality": "text_linear", "field": "title", "settings": settings},
        "kernel_logistic": {
            "modality": "kernel_logistic",
            "field": "title",
            "settings": {"encoder": "off", **settings},
        },
    }
    config = {"members": members, "labels": {"min_count": 2}}
    model = Categorizer(preset="quick", config=config, seed=0)
    model.fit(titles[:TRAINING], labels[:TRAINING])
    given = model.predict(titles[TRAINING:])
    true = np.zeros(given.shape, bool)
    column = {name: place for place, name in enumerate(model.classes_)}
    for row, names in enumerate(labels[TRAINING:]):
        true[row, [column[name] for name in names]] = True
    both = np.count_nonzero(true & given)
    return float(200 * both / (np.count_nonzero(true) + np.count_nonzero(given)))


def make(
    words: list[list[str]], fillers: list[str], blank: str, count: int, random_: random.Random
) -> tuple[list[dict[str, str]], list[list[str]]]:
    """`count` titles, and the labels of each."""
    titles, labels = [], []
    for _ in range(count):
        chosen = random_.sample(range(LABELS), random_.choice([1, 2]))
        title = [random_.choice(words[label]) for label in chosen]
        title += random_.sample(fillers, random_.choice([3, 4, 5]))
        random_.shuffle(title)
        titles.append({"title": blank.join(title)})
        labels.append([f"label {label}" for label in chosen])
    return titles, labels


if __name__ == "__main__":
    main()
