"""What a user is told of names that may be several, and of those that may be parts of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from shelfwise.catalog.reading.categories.category_signs import CategorySigns, split_at
from shelfwise.catalog.reading.categories.free_places import names_beside
from shelfwise.catalog.reading.categories.unused_signs import LEFT_SIGNS
from shelfwise.catalog.reading.columns.written_words import words_of

_BETWEEN = (*(f" {word} " for word in words_of("& + and und et y e en och og i")), " ")
"""What may stand between two labels, though it mostly stands between the words of one."""

_IN_NAMES = ("/", "\\", "-", "_", ".", ":")
"""Signs between levels that also stand in names (``A/B tests``)."""

_ENOUGH = 3
"""Names or products below which two that go together may do so by chance."""

_TWICE = 2
_MOSTLY = 0.6


def told_joined_names(column: str, names: Counter[str], signs: CategorySigns) -> str | None:
    """One name whose parts are names as well; where there are several, a user is asked instead.

    >>> told_joined_names("cat", Counter(["Mugs", "Gifts", "Mugs & Gifts"]), CategorySigns()) is None
    False
    >>> told_joined_names("cat", Counter(["Home", "Garden", "Home & Kitchen"]), CategorySigns()) is None
    True
    """
    # the levels of paths share words with their names (Sports > Sports & Outdoors)
    if signs.separator:
        return None
    for name in names:
        for sign in LEFT_SIGNS:
            parts = [part.strip() for part in name.split(sign)]
            if len(parts) > 1 and all(part in names for part in parts):
                listed = " and ".join(map(repr, parts))
                return (
                    f"{column}: {name!r} is one category, of {names[name]:,} of the first records, though "
                    f"{listed} are categories, too; if it means each of them, write them apart"
                )
    return _told_words_between(column, names)


def _told_words_between(column: str, names: Collection[str]) -> str | None:
    """Names joined by a word, of which one part is a name by itself, and the other joins several.

    >>> labels = ["Mugs", "Lamps", "Mugs and Gifts", "Lamps and Gifts", "Rugs and Gifts"]
    >>> _told_words_between("cat", labels) is None
    False
    >>> _told_words_between("cat", ["Home", "Home & Garden", "Home & Kitchen", "Home & Office"]) is None
    True
    """
    for sign in _BETWEEN:
        parted = {name: name.split(sign) for name in names if sign in name}
        if len(parted) < _ENOUGH:
            continue
        # a part that stands in one name only may well be half of that name
        joins = Counter(part for parts in parted.values() for part in set(parts))
        joined = [
            name
            for name, parts in parted.items()
            if any(part in names for part in parts)
            and all(part in names or joins[part] > 1 for part in parts)
        ]
        if len(joined) >= _MOSTLY * len(parted):
            listed = " and ".join(map(repr, parted[joined[0]]))
            return (
                f"{column}: {joined[0]!r} is one category, though {listed} also stand without each other; if "
                "they are categories by themselves, write them apart, as Mugs | Gifts"
            )
    return None


def told_parted_names(column: str, texts: Iterable[str], signs: CategorySigns) -> str | None:
    """Two names that never stand without each other, and may be one with a comma.

    Where most do so, they are lists that never come apart, as those of levels. Without blanks behind the
    commas they are no names, as these have one.

    >>> texts = ["Mugs, Gifts", "Mugs", "Gifts", "Ropes, Slings", "Ropes, Slings", "Ropes, Slings, Gifts"]
    >>> told_parted_names("tags", texts, CategorySigns(delimiter=",")) is None
    False
    """
    if signs.delimiter != ",":
        return None
    # a comma at the end has nothing behind it, and parts nothing
    written = [text.rstrip(", ") for text in texts]
    if not all(", " in text for text in written if "," in text):
        return None
    pieces = [split_at(text, ",", signs.escaped, signs.bare) for text in written]
    lists = [[name.strip() for name in names] for names in names_beside(pieces, signs.separator)]
    single = Counter(name for names in lists for name in names if name)
    pairs = Counter(pair for names in lists for pair in pairwise(names) if all(pair))
    bound = [pair for pair, count in pairs.items() if _are_bound(pair, count, single)]
    # where most are bound, the lists themselves never come apart
    if not bound or sum(pairs[pair] for pair in bound) > _MOSTLY * pairs.total():
        return None
    one = ", ".join(bound[0])
    listed = " and ".join(map(repr, bound[0]))
    return (
        f"{column}: {listed} are two categories, though neither stands without the other; if {one!r} is one "
        'name, write lists as ["Mugs", "Gifts"]'
    )


def told_parted_levels(
    column: str, paths: Counter[tuple[str, ...]], signs: CategorySigns
) -> str | None:
    """Two levels that never stand without each other, in paths deeper than most: a slash within one name.

    >>> tree = Counter([("Web", "Fonts"), ("Web", "Forms"), ("Home", "Rugs"), ("Web", "A", "B tests")])
    >>> told_parted_levels("cat", tree, CategorySigns("/")) is None
    False
    """
    # blanks around a sign say that it stands between names, and others are hardly in one
    if signs.separator not in _IN_NAMES:
        return None
    depths: Counter[int] = Counter()
    for path, count in paths.items():
        depths[len(path)] += count
    usual = depths.most_common(1)[0][0] if depths else 0
    # what stands below and above each name, the end of a path included
    below: defaultdict[str, set[str]] = defaultdict(set)
    above: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        for high, low in pairwise((*path, "")):
            below[high].add(low)
            above[low].add(high)
    # one name that was split makes its path a level deeper
    deep = [path for path in paths if len(path) > usual]
    pairs = (pair for path in deep for pair in pairwise(path))
    # the first has nothing else below it, and the second nothing else above it
    bound = next((pair for pair in pairs if len(below[pair[0]]) == len(above[pair[1]]) == 1), None)
    if bound is None:
        return None
    one = signs.separator.join(bound)
    return (
        f"{column}: {bound[0]!r} and {bound[1]!r} are two levels, in paths deeper than most, though neither "
        f"stands without the other; if {one!r} is one name, write paths with another sign, as Home > {one}"
    )


def _are_bound(pair: Sequence[str], count: int, single: Counter[str]) -> bool:
    """Whether two names stand beside each other wherever one of them stands, and often enough."""
    return count >= _TWICE and all(single[name] == count for name in pair)
