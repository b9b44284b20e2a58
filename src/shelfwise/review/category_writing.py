"""How the decided labels of a product are written in the catalogue's own way of writing categories."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from shelfwise.catalog.corrections import relabelled
from shelfwise.catalog.labels import Mode, flatten
from shelfwise.catalog.reading.category_signs import ESCAPE, CategorySigns
from shelfwise.catalog.reading.file_detection import FileReading
from shelfwise.catalog.reading.value_parsing import read_id
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError
from shelfwise.review.decision_rows import Labels
from shelfwise.review.products import ReviewProducts

CategoryPaths = list[list[str]]


class CategoryWriter:
    """What the category column of each product is to hold.

    Args:
        products: as they are in the file.
        wanted: by id, the labels that a product is to have; the others keep theirs.
        reading: how the file says things.
    """

    def __init__(
        self, products: ReviewProducts, wanted: Mapping[str, Labels], reading: FileReading
    ) -> None:
        self._products = products
        self._wanted = wanted
        self._rules = reading.rules
        self._found = reading.signs
        # a column that is new, or has one name a product, gets the commonest signs
        self._signs = CategorySigns(
            reading.signs.separator or " > ",
            reading.signs.delimiter or "|",
            reading.signs.escaped,
            reading.signs.bare,
        )
        self._paths = dict(
            zip(products.catalog.ids, products.catalog.column("categories"), strict=True)
        )
        self._seen: set[str] = set()
        self._uses_signs = False
        # how the latest product with categories has them: one without is given them in the same way
        self._latest: Any = []
        # sign -> the same with the blanks around it, as the latest text has it
        self._spaced: dict[str, str] = {}
        self.has_changed = False

    def settings(self) -> CatalogSettings:
        """How what was written is to be read."""
        if self._signs.escaped or self._signs.bare:
            # settings cannot say so: the reader finds it out again
            return self._products.settings
        # a sign that the file did not have separates only where it was needed
        signs = self._signs if self._uses_signs else self._found
        found = {"category_separator": signs.separator, "category_delimiter": signs.delimiter}
        return self._products.settings.model_copy(update=found)

    def change(self, identity: Any, old: Any) -> Any:
        """The categories of a product, written as `old` is: as text, or as lists.

        Args:
            identity: the product's id, as the file has it.
            old: its categories, as the file has them; None where it has none.

        Raises:
            CatalogError: they are objects, which hold more than names.
        """
        paths = self._changed_paths(identity)
        if old is not None:
            self._latest = old
        if isinstance(old, str):
            self._learn_blanks(old)
        if paths is None:
            return old
        like = self._latest if old is None else old
        if isinstance(like, str):
            # lists may be written as text
            written = like.lstrip().startswith("[")
            return json.dumps(paths, ensure_ascii=False) if written else self._text(paths)
        if not isinstance(like, list):
            raise CatalogError(f"the categories of product {identity!r} are no text and no list")
        if any(isinstance(one, Mapping) for one in like):
            raise CatalogError(
                f"the categories of product {identity!r} are objects, which hold more than names"
            )
        return self._listed(paths, like)

    def _changed_paths(self, identity: Any) -> CategoryPaths | None:
        """The new paths of a product; None where it keeps its own."""
        try:
            name = read_id(identity, self._rules)
        except ValueError:
            # the reader has refused the record
            return None
        # of several rows of one id the first counts, for the reader too
        if name not in self._wanted or name in self._seen:
            return None
        self._seen.add(name)
        old = self._paths[name]
        labels = set(self._wanted[name])
        if flatten(old, self._products.mode) == labels:
            return None
        self.has_changed = True
        return _as_paths(self._products, old, labels)

    def _learn_blanks(self, text: str) -> None:
        """Note how a text has its signs: a comma without a blank is read otherwise than one with it."""
        for sign in (self._signs.separator, self._signs.delimiter):
            found = re.search(rf"(?<!\\)[ \t]*{re.escape(sign)}[ \t]*", text)
            if found is not None:
                # where only one without a blank separates, the other stands in names
                self._spaced[sign] = sign if self._signs.bare else found[0]

    def _text(self, paths: CategoryPaths) -> str:
        self._uses_signs = True
        delimiter = self._signs.delimiter
        texts = [self._path_text(path) for path in paths]
        if self._signs.escaped:
            texts = [text.replace(delimiter, ESCAPE + delimiter) for text in texts]
        return self._spaced.get(delimiter, delimiter).join(texts)

    def _path_text(self, path: list[str]) -> str:
        separator = self._signs.separator
        return self._spaced.get(separator, separator).join(path)

    def _listed(self, paths: CategoryPaths, like: list[Any]) -> list[Any]:
        """Paths as a list: of lists, of written paths, or of the names of the only path."""
        texts = [one for one in like if isinstance(one, str)]
        if len(texts) < len(like) or not like:
            return paths
        separator = self._found.separator
        if separator and any(separator in one for one in texts):
            # of a list in which no name has levels, all are the names of one path
            self._uses_signs = True
            return [self._path_text(path) for path in paths]
        if len(paths) > 1 and self._products.mode != "flat":
            return paths
        # each name once, in the order of the paths
        return list(dict.fromkeys(name for path in paths for name in path))


def _as_paths(products: ReviewProducts, old: Any, labels: set[str]) -> list[list[str]]:
    """Paths with exactly these labels: those of the taxonomy where they fit, else as like the old ones."""
    mode: Mode = products.mode
    if old is None and mode == "flat":
        # the longest paths of the taxonomy that hold nothing but wanted names
        known = [list(products.path_of(name)) for name in sorted(labels)]
        fitting = [path for path in known if set(path) <= labels]
        longest = [
            path
            for path in fitting
            if not any(path == other[: len(path)] != other for other in fitting)
        ]
        if flatten(longest, mode) == labels:
            return longest
    homes = {name: products.path_of(name) for name in labels}
    if mode == "flat":
        # every name of a path is a label: those who decided may have left one above it out
        homes = {n: path if labels.issuperset(path) else (n,) for n, path in homes.items()}
    return relabelled(old, labels, mode, homes)
