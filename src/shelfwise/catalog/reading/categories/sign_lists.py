"""Signs that are known to stand between levels of categories, or between their paths."""

from __future__ import annotations

LEVEL_SIGNS = (
    ">>>",
    ">>",
    "-->",
    "->",
    "==>",
    "=>",
    ">",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}",
    "\N{RIGHTWARDS ARROW}",
    "\N{LONG RIGHTWARDS ARROW}",
    "\N{HEAVY WIDE-HEADED RIGHTWARDS ARROW}",
    "\N{HEAVY ROUND-TIPPED RIGHTWARDS ARROW}",
    "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}",
    "\N{FULLWIDTH GREATER-THAN SIGN}",
    "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
    "\N{BLACK RIGHT-POINTING TRIANGLE}",
    "\N{BLACK RIGHT-POINTING POINTER}",
)
"""Signs that stand between levels and hardly ever in a name.

Longer ones first, as they contain shorter ones.
"""

OTHER_LEVEL_SIGNS = ("/", "\\", "::", "\N{FULLWIDTH SOLIDUS}")
"""Signs between levels that also occur in names (TV/Audio)."""

IN_NO_NAME = ("\\", "::")
"""Of these the signs that hardly any name has; a backslash may still stand before a comma in some."""

PATH_SIGNS = (
    *("||", "|", ";#", ";;", ";", "^", "~", "\n", "\t", ","),
    "\N{IDEOGRAPHIC COMMA}",
    "\N{FULLWIDTH COMMA}",
    "\N{FULLWIDTH SEMICOLON}",
    "\N{ARABIC COMMA}",
    "\N{ARABIC SEMICOLON}",
)
"""Signs between several paths of one product, likeliest first; commas occur in names, too."""

COMMAS = frozenset((",", "\N{IDEOGRAPHIC COMMA}", "\N{FULLWIDTH COMMA}", "\N{ARABIC COMMA}"))
"""Signs that names have, too; the others are hardly ever part of one."""

PIPE = "|"
"""Stands between paths, and in some catalogues between levels."""
