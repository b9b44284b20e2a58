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
from PIL import Image

from shelfwise.core.image_sources import ImageSource
from shelfwise.disk.files import write_text_atomically
from shelfwise.reports.page_values import moment, signed
from shelfwise.vision.image_io import ImageRejectedError, make_thumbnail, read_image

Json = Mapping[str, Any]

ImageLookup = Callable[[str], ImageSource | None]
"""From a product's id to its image, or None."""

DASH = "\N{EN DASH}"

THUMBNAIL = 240
"""Longest side of an embedded image, in pixels."""


def thumbnail(source: ImageSource | None, size: int = THUMBNAIL) -> str | None:
    """An image as a ``data:`` address, at most `size` pixels wide and high; None where none can be read."""
    if source is None:
        return None
    try:
        pixels = make_thumbnail(read_image(source), size)
    except ImageRejectedError:
        return None
    return jpeg_address(Image.fromarray(pixels))


def jpeg_address(image: Image.Image) -> str:
    """An RGB image as a ``data:`` address."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent, a dash where there is none.

    >>> percent(0.8234), percent(None), percent(float("nan"))
    ('82.3', '–', '–')
    """
    if value is None or not math.isfinite(value):
        return DASH
    return f"{100 * value:.{digits}f}"


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
    # rounded before it is split, so that 59.6 s is a minute and never "60 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, seconds_left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {seconds_left:02d} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02d} min"


def template_environment(autoescape: bool = True) -> Environment:
    """The templates of this package, with the functions that turn numbers into words.

    Args:
        autoescape: whether catalogue text is escaped, as HTML needs.
    """
    # markdown is no HTML: only its templates are not escaped
    environment = Environment(  # nosec B701
        loader=PackageLoader("shelfwise.reports"),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # as functions they can be handed to a macro, as filters they follow a value
    words = {"percent": percent, "duration": duration}
    environment.globals.update(words)
    environment.filters.update(words, breakable=breakable, signed=signed, moment=moment)
    environment.filters["number"] = lambda count: f"{count:,}"
    return environment


def write_page(template: str, view: Json, folder: Path) -> Path:
    """Write ``index.html`` into `folder`, whole or not at all: `template` filled with `view`; its path."""
    source = files("shelfwise.reports").joinpath("templates", "sort.js")
    script = source.read_text("utf-8").strip()
    # the page's own policy allows this one script by its digest, and nothing else
    digest = hashlib.sha256(script.encode()).digest()
    allowed = base64.b64encode(digest).decode()
    page = template_environment().get_template(template)
    script_of_page = Markup(script)  # nosec B704 # a file of this package
    text = page.render(**view, sort=script_of_page, sort_digest=allowed)
    path = folder / "index.html"
    write_text_atomically(path, text)
    return path


def tuning_source(data: Json) -> str:
    """What the tuned thresholds were chosen by, in words.

    Args:
        data: the sizes of a run, as in results.json.
    """
    # without validation products the thresholds come from out-of-fold scores of the training products
    return "on validation products" if data["validation"] else "by cross-fitting"
