"""What every page shares: the template environment, thumbnails, and numbers in words."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape
from PIL import Image, ImageOps

Json = Mapping[str, Any]


Pictures = Callable[[str], Path | None]


DASH = "\N{EN DASH}"


THUMBNAIL = 240
"""Longest side of an embedded picture, in pixels."""


def thumbnail(path: Path | None, size: int = THUMBNAIL) -> str | None:
    """A picture as a ``data:`` address at most `size` pixels wide and high; None where there is no readable picture."""
    if path is None:
        return None
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * size, 2 * size))
            small = ImageOps.exif_transpose(picture).convert("RGBA")
            small.thumbnail((size, size))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    flat = Image.new("RGB", small.size, "white")
    flat.paste(small, mask=small.getchannel("A"))
    buffer = io.BytesIO()
    flat.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent, a dash where there is none.

    >>> percent(0.8234), percent(None), percent(float("nan"))
    ('82.3', '–', '–')
    """
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f}"


def breakable(name: str) -> Markup:
    """A system's name that may be broken after each plus sign.

    >>> breakable("image+<b>")
    Markup('image+<wbr>&lt;b&gt;')
    """
    return escape(name).replace("+", Markup("+<wbr>"))


def duration(seconds: float | None) -> str:
    """Seconds in words.

    >>> duration(0.42), duration(42), duration(125), duration(7260)
    ('0.4 s', '42 s', '2 min 05 s', '2 h 01 min')
    """
    if seconds is None:
        return DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s"
        if whole < 3600
        else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def _environment(autoescape: bool = True) -> Environment:
    environment = Environment(
        loader=PackageLoader("shelfwise.reports"), autoescape=autoescape, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(percent=percent, duration=duration)
    environment.filters.update(
        percent=percent, duration=duration, breakable=breakable, number=lambda count: f"{count:,}"
    )
    return environment


def write_page(template: str, view: Json, folder: Path) -> Path:
    """Write ``index.html`` into `folder`: `template` filled with `view`, and with the script that sorts tables; its path."""
    sort = files("shelfwise.reports").joinpath("templates", "sort.js").read_text("utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(sort.encode()).digest()).decode()
    page = _environment().get_template(template).render(**view, sort=Markup(sort), sort_digest=digest)
    path = folder / "index.html"
    path.write_text(page, "utf-8")
    return path


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None
