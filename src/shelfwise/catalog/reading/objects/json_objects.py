"""Objects where a text or a list is wanted, as shops' programs answer: ``{"id": 5, "name": "Mugs"}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.whole_paths import leads_to
from shelfwise.catalog.reading.columns.written_words import words_of
from shelfwise.catalog.reading.objects.localized_values import text_of

_NAMES = ("name", "title", "label", "value", "text")
"""Keys under which an object has what it is called, likeliest first."""

_ENDS = ("name", "headingtext")
"""What such a key may end with."""

_OTHER_NAMES = tuple(name for name in SYNONYMS["title"] if name != "product")
"""The same in other languages; a product is another object."""

_IN_WORDS = SYNONYMS["description"]
"""Keys under which an object with a code says it in words, if these are few."""

_LONGEST_NAME = 60

_ADDRESSES = words_of(
    """
    src url imageUrl contentUrl url_fullxfull original hi_res large main href link path MIME_SOURCE image
    """
)
"""Keys under which an object has the address of an image, the best first."""

_IMAGE = re.compile(r"(?i)\.(?:jpe?g|png|webp|gif|avif|bmp|tiff?)\b")

WHOLE_PATHS = words_of(
    """
    fullname prettyname completename fullpath categorypath pathname path breadcrumb breadcrumbs
    pathfromroot pfad chemin ruta caminho percorso
    """
)
"""Keys, without signs, under which an object has the names from the root down."""

_SHOWN = "rendered"
"""Key under which WordPress has a text as pages show it."""


def called(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key under which an object has what it is called, and the name; None where it has none.

    >>> called({"id": 5, "name": "Mugs"}), called({"categoryId": 5, "categoryName": "Mugs"})
    (('name', 'Mugs'), ('categoryName', 'Mugs'))
    >>> called({"id": 5, "nom": "Tasses"})
    ('nom', 'Tasses')
    """
    # of two keys that differ in signs or case only, the first counts
    plain = {normal_name(str(key)): key for key in reversed(list(value))}
    found = ((plain[name], text_of(value[plain[name]])) for name in _NAMES if name in plain)
    # {"categoryId": "5", "categoryName": "Mugs"} (eBay), and the SubjectHeadingText of ONIX
    named = [(key, value[key]) for one, key in plain.items() if one.endswith(_ENDS)]
    others = ((plain[name], value[plain[name]]) for name in _OTHER_NAMES if name in plain)
    texts = ((plain[name], value[plain[name]]) for name in _IN_WORDS if name in plain)
    short = ((key, text) for key, text in texts if len(str(text)) <= _LONGEST_NAME)
    possible = (*found, *(named if len(named) == 1 else ()), *others, *short)
    # a name may be an object itself, which tells nothing: then the next likely one counts
    return next(((key, text) for key, text in possible if isinstance(text, str)), None)


def name_of(value: Mapping[str, Any]) -> str | None:
    """What an object is called; None where it has no name.

    >>> name_of({"id": 5, "name": "Mugs"}), name_of({"id": 5})
    ('Mugs', None)
    """
    found = called(value)
    return None if found is None else found[1]


def called_in_full(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """As :func:`called`; where an object has the whole path beside its last name, this path.

    >>> called_in_full({"id": 5, "name": "Mugs", "fullName": "Home > Mugs"})
    ('fullName', 'Home > Mugs')
    """
    found = called(value)
    if found is None:
        return None
    plain = {normal_name(str(key)).replace("_", ""): key for key in value}
    keys = [plain[name] for name in WHOLE_PATHS if name in plain]
    texts = [(key, value[key]) for key in keys if isinstance(value[key], str)]
    return next((one for one in texts if leads_to(one[1], found[1])), found)


def without_objects(value: Any) -> Any:
    """An object, or each of a list, by what it is called; other values as given."""
    if isinstance(value, Mapping):
        return _name(value, value.get(_SHOWN, value))
    if isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value):
        return [_name(one, one) for one in value]
    return value


def plain_scalar(value: Any) -> Any:
    """The id inside an object of MongoDB, ``{"$oid": "65a1"}``, or alone in a list; other values as given.

    >>> plain_scalar({"$oid": "65a1"}), plain_scalar(["65a1"]), plain_scalar(["65a1", "65a2"])
    ('65a1', '65a1', ['65a1', '65a2'])
    """
    # programs that copy pages make a list of everything
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping) and len(value) == 1:
        ((key, inside),) = value.items()
        return inside if str(key).startswith("$") else value
    return value


def address_of(value: Any) -> Any:
    """The address of an image that is an object, or inside one; other values as given.

    >>> address_of({"src": "1.png"}), address_of({"image-group": [{"image": {"path": "1.png"}}]})
    ('1.png', '1.png')
    """
    if not isinstance(value, Mapping):
        return value
    named = (_first(value.get(key)) for key in _ADDRESSES)
    found = next((address for address in named if isinstance(address, str)), None)
    if found is not None:
        return found
    parts = (part if isinstance(part, list) else [part] for part in value.values())
    inside = [address_of(one) for part in parts for one in part if isinstance(one, Mapping)]
    texts = [text for text in inside if isinstance(text, str)]
    # BMEcat lists data sheets beside the images
    return next(filter(_IMAGE.search, texts), texts[0] if texts else value)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _name(value: Mapping[str, Any], otherwise: Any) -> Any:
    found = name_of(value)
    return otherwise if found is None else found
