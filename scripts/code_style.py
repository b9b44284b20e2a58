"""Count how dense the package's code is, a room a line: a report for people, not a gate.

    python scripts/code_style.py [FOLDER]

A code line is a line that is not blank, comment or docstring. Syntax nodes are statements and expressions.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

LONG = 110


def measure(path: Path) -> Counter[str]:
    """The counts of one file."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    docstrings = docstring_lines(tree)
    blank = (
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.COMMENT,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    code: set[int] = set()
    for token in tokens:
        if token.type not in blank:
            code.update(range(token.start[0], token.end[0] + 1))
    loops = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    nodes = list(ast.walk(tree))
    return Counter(
        files=1,
        lines=text.count("\n"),
        code=len(code - docstrings),
        nodes=sum(isinstance(node, ast.expr | ast.stmt) for node in nodes),
        comments=sum(
            token.type == tokenize.COMMENT and "noqa" not in token.string for token in tokens
        ),
        comprehensions=sum(isinstance(node, loops) for node in nodes),
        long=sum(len(line) > LONG for line in text.splitlines()),
    )


def docstring_lines(tree: ast.Module) -> set[int]:
    """The lines of strings that stand alone: docstrings, and the notes below constants."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def main() -> None:
    """Print the table, densest room first, with the package as a whole below it."""
    root = Path(
        sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "src" / "shelfwise"
    )
    rooms: dict[str, Counter[str]] = {}
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).parts[0]
        rooms.setdefault(room, Counter()).update(measure(path))
    total: Counter[str] = Counter()
    for counts in rooms.values():
        total.update(counts)
    ranked = sorted(rooms.items(), key=lambda item: -item[1]["nodes"] / max(item[1]["code"], 1))
    titles = "files  lines  nodes/code line  comments/100 lines  comprehensions/100 code lines"
    print(f"{'room':16} {titles}  lines > {LONG}")
    for name, counts in [*ranked, ("package", total)]:
        lines = max(counts["lines"], 1)
        nodes = counts["nodes"] / max(counts["code"], 1)
        comments = 100 * counts["comments"] / lines
        loops = 100 * counts["comprehensions"] / max(counts["code"], 1)
        size = f"{counts['files']:5} {counts['lines']:6}"
        density = f"{nodes:15.1f}  {comments:18.1f}  {loops:29.1f}"
        print(f"{name:16} {size}  {density}  {counts['long']:11}")


if __name__ == "__main__":
    main()
