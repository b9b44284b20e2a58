"""One value of Python dictionaries changed, one a line as in the Amazon dumps of 2014; all else as it was."""

from __future__ import annotations

import ast
import warnings

from shelfwise.catalog.write_back.category_column import CategoryColumn
from shelfwise.catalog.write_back.edits import Edit, edited
from shelfwise.catalog.write_back.json_records import rewrite_object


def rewrite_python_lines(text: str, place: CategoryColumn) -> str:
    """One dictionary a line, or JSON; lines that are neither stay as they are."""
    return "\n".join(_rewritten(line, place) for line in text.split("\n"))


def _rewritten(line: str, place: CategoryColumn) -> str:
    # what is JSON is read as JSON
    as_json = rewrite_object(line, place)
    if as_json is not None:
        return as_json
    blank = len(line) - len(line.lstrip("\ufeff \t"))
    try:
        with warnings.catch_warnings():
            # text such as "\d" is not our business
            warnings.simplefilter("ignore")
            tree = ast.parse(line[blank:].rstrip(), mode="eval").body
            values = ast.literal_eval(tree)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return line
    if not isinstance(tree, ast.Dict) or not isinstance(values, dict) or not tree.values:
        return line
    old = values.get(place.column)
    new = place.change(values.get(place.identity), old)
    if new == old:
        return line
    found = None
    for key, value in zip(tree.keys, tree.values, strict=True):
        if key is not None and ast.literal_eval(key) == place.column:
            # of several the last counts
            found = value
    # Python counts the bytes of a line, not its characters
    before = line[:blank].encode()
    data = line.encode()
    if found is None:
        last = len(before) + _stop(tree.values[-1])
        added = f", {place.column!r}: {new!r}".encode()
        return edited(data, [Edit(last, last, added)]).decode()
    begin = len(before) + found.col_offset
    return edited(data, [Edit(begin, len(before) + _stop(found), repr(new).encode())]).decode()


def _stop(node: ast.expr) -> int:
    assert node.end_col_offset is not None
    return node.end_col_offset
