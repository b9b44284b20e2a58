"""JSON that means one thing: what two readers could read differently is refused."""

from __future__ import annotations

import json
import math
from typing import Any

from shelfwise.service.answers.problems import Problem


def parse_json(body: bytes) -> Any:
    """The value of `body`.

    Raises:
        Problem: 400, it is no JSON, names a member twice, or holds a number or text that is none.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _problem(f"it is not UTF-8 (byte {error.start})") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        # its message says what was expected, never what was there
        raise _problem(f"{error.msg} (character {error.pos})") from None
    except RecursionError:
        raise _problem("it is nested too deeply") from None
    # Python refuses integers of more than some thousand digits
    except ValueError:
        raise _problem("a number is too long") from None
    # half of a pair of surrogates is no character, and cannot be written as UTF-8 again
    if "\\ud" in text.lower():
        _check_characters(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _problem("an object names one of its members twice")
    return values


def _refuse_constant(name: str) -> Any:
    raise _problem("NaN and Infinity are no JSON numbers; leave the field out")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _problem("a number is too large")
    return value


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _problem("a text holds half a character (a lone surrogate)") from None


def _problem(reason: str) -> Problem:
    return Problem(400, "not-json", f"the body is not JSON that can be used: {reason}")
