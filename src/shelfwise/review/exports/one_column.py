"""Categories that a catalogue has in one column: texts with signs, lists, or objects."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shelfwise.catalog.labels import Mode
from shelfwise.catalog.reading.categories.category_signs import ESCAPE, CategorySigns
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.category_trees import held_below
from shelfwise.catalog.reading.objects.category_values import category_values, tell_parents
from shelfwise.errors import CatalogError
from shelfwise.review.exports.category_objects import CategoryObjects, objects_in
from shelfwise.review.exports.new_categories import NewCategories

CategoryPaths = list[list[str]]


class OneColumn:
    """How the only column of categories is written.

    Args:
        found: what separates levels and paths in this file.
        mode: how category paths become labels.

    Attributes:
        signs: `found`, with the commonest signs in place of those that the file does not have.
        uses_signs: whether any of these was written.
    """

    def __init__(self, found: CategorySigns, mode: Mode) -> None:
        self._found = found
        self._mode = mode
        # a column that is new, or has one name a product, gets the commonest signs
        self.signs = CategorySigns(
            found.separator or " > ", found.delimiter or "|", found.escaped, found.bare
        )
        self.uses_signs = False
        self._objects = CategoryObjects(lambda name: tuple(found.levels(read_name(name))))
        # how the latest product with categories has them: one without is given them in the same way
        self._latest: Any = None
        # sign -> the same with the blanks around it, as the latest text has it
        self._spaced: dict[str, str] = {}

    def look_at(self, values: Sequence[Any]) -> None:
        """Note the objects of a product, and how it has its categories."""
        (old,) = values
        if is_missing(old):
            return
        self._latest = old
        self._objects.look_at(unpacked(old))
        if isinstance(old, str):
            self._learn_blanks(old)

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """The categories as text, lists or objects, as the product has its own or the latest one had them.

        Raises:
            CatalogError: what they are written as is not known, or holds more than is known.
        """
        (old,) = values
        like = self._latest if is_missing(old) else old
        if like is None:
            # of a file without any: lists, or in a table texts
            return [new.paths if old is None else self._text(new.paths)]
        if not isinstance(like, str):
            return [self._structure(new, like, old)]
        inside = unpacked(like)
        if isinstance(inside, str) and not like.lstrip().startswith("["):
            return [self._text(new.paths)]
        # what stands in brackets without quotes is written as JSON
        structure = new.paths
        if not isinstance(inside, str):
            structure = self._structure(new, inside, unpacked(old))
        return [_packed(structure, like, new.identity)]

    def _structure(self, new: NewCategories, like: Any, old: Any) -> Any:
        """The categories as a list, or as the only object.

        Args:
            like: categories of the wanted form.
            old: those that the product has.
        """
        if isinstance(like, Mapping):
            return self._only_object(new, old)
        # a number, or what a program has put there: nobody knows how others look
        if not isinstance(like, list):
            raise CatalogError(
                f"the categories of product {new.identity!r} are no text and no list"
            )
        if not any(objects_in(like)):
            return self._listed(new.paths, like)
        if any(any(held_below(one)) for one in objects_in(like)):
            raise CatalogError(
                f"the categories of product {new.identity!r} hold those below them, which is not written back"
            )
        if tell_parents(like):
            # each stands there once, beside the one above
            listed: list[Any] = list(dict.fromkeys(name for path in new.paths for name in path))
        else:
            listed = self._listed(new.paths, category_values(like))
        return self._objects.written(listed, old, new.identity)

    def _only_object(self, new: NewCategories, old: Any) -> Any:
        """The object of the only category; None without any."""
        if len(new.paths) > 1 or (
            new.paths and len(new.paths[0]) > 1 and not self._found.separator
        ):
            # a level above the name has no place in one object, unless its name holds whole paths
            names = ", ".join(sorted(new.labels))
            raise CatalogError(
                f"product {new.identity!r} is to have {names}; its category is one object, which holds one"
            )
        if not new.paths:
            return None
        return self._objects.written(self._path_text(new.paths[0]), old, new.identity)

    def _learn_blanks(self, text: str) -> None:
        """Note how a text has its signs: a comma without a blank is read otherwise than one with it."""
        for sign in (self.signs.separator, self.signs.delimiter):
            found = re.search(rf"(?<!\\)[ \t]*{re.escape(sign)}[ \t]*", text)
            if found is not None:
                # where only one without a blank separates, the other stands in names
                self._spaced[sign] = sign if self.signs.bare else found[0]

    def _text(self, paths: CategoryPaths) -> str:
        self.uses_signs = True
        delimiter = self.signs.delimiter
        texts = [self._path_text(path) for path in paths]
        if self.signs.escaped:
            texts = [text.replace(delimiter, ESCAPE + delimiter) for text in texts]
        return self._spaced.get(delimiter, delimiter).join(texts)

    def _path_text(self, path: list[str]) -> str:
        separator = self.signs.separator
        return self._spaced.get(separator, separator).join(path)

    def _listed(self, paths: CategoryPaths, like: list[Any]) -> list[Any]:
        """Paths as a list: of lists, of written paths, or of the names of the only path."""
        texts = [one for one in like if isinstance(one, str)]
        if len(texts) < len(like) or not like:
            return paths
        separator = self._found.separator
        if separator and any(separator in one for one in texts):
            # of a list in which no name has levels, all are the names of one path
            self.uses_signs = True
            return [self._path_text(path) for path in paths]
        if len(paths) > 1 and self._mode != "flat":
            return paths
        # each name once, in the order of the paths
        return list(dict.fromkeys(name for path in paths for name in path))


def _packed(value: Any, like: str, identity: Any) -> str:
    """A list or object as a text, written as another one is.

    Raises:
        CatalogError: the other one is no JSON and no list.
    """
    text = like.strip()
    if _is_read_by(json.loads, text):
        # with blanks, unless the file has none behind its signs
        signs = (",", ":") if re.search("[,:]", text) and not re.search("[,:] ", text) else None
        return json.dumps(value, ensure_ascii=text.isascii(), separators=signs)
    if not text.startswith("["):
        raise CatalogError(
            f"the categories of product {identity!r} are written as {text[:40]!r}, which is not written back"
        )
    if _is_read_by(ast.literal_eval, text):
        return repr(value)
    # what numpy writes, and lists without quotes: every value is read by itself
    return json.dumps(value, ensure_ascii=False)


def _is_read_by(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return True
