"""Values of Python dictionaries changed, one a line as in the Amazon dumps of 2014; all else as it was."""

from __future__ import annotations

import ast
import warnings

from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.edits import Edit, edited
from shelfwise.catalog.write_back.json_records import rewrite_object


def rewrite_python_lines(text: str, place: ChangedColumns) -> str:
    """One dictionary a line, or JSON; lines that are neither stay as they are."""
    lines = enumerate(text.split("\n"), 1)
    return "\n".join(_rewritten(line, number, place) for number, line in lines)


def _rewritten(line: str, number: int, place: ChangedColumns) -> str:
    # what is JSON is read as JSON
    as_json = rewrite_object(line, number, place)
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
    old = [values.get(name) for name in place.names]
    changed = place.changes(values.get(place.identity), number, old)
    if not changed:
        return line
    # Python counts the bytes of a line, not its characters
    before = len(line[:blank].encode())
    keys = [None if key is None else ast.literal_eval(key) for key in tree.keys]
    # of several of one name the last counts
    found = dict(zip(keys, tree.values, strict=True))
    edits = []
    for name in changed.keys() & found.keys():
        node = found[name]
        start, stop = before + node.col_offset, before + _stop(node)
        edits.append(Edit(start, stop, repr(changed[name]).encode()))
    last = before + _stop(tree.values[-1])
    added = "".join(f", {name!r}: {changed[name]!r}" for name in changed if name not in found)
    return edited(line.encode(), [*sorted(edits), Edit(last, last, added.encode())]).decode()


def _stop(node: ast.expr) -> int:
    assert node.end_col_offset is not None
    return node.end_col_offset
