"""Columns that say of which type a property of a product is, ``skin_type``: they are no categories."""

from __future__ import annotations

import re

_PROPERTIES = (
    "skin|hair|nail|scalp|fabric|material|textile|leather|sleeve|neck|neckline|collar|closure|clasp|heel|toe"
    "|sole|fit|waist|rise|hem|strap|band|dial|movement|lens|frame|connector|connection|interface|battery|power"
    "|plug|socket|mount|mounting|finish|surface|stone|metal|gem|wood|glass|paper|pattern|print|weave|knit|wash"
    "|care|season|gender|age|size|colou?r|fuel|engine|transmission|drive|display|screen|processor|memory"
    "|storage|format|binding|cover|package|packaging|packing|container|bottle|lid|unit|listing|seller|shipping"
    "|delivery|fulfil?lment|discount|price|stock|tax|payment|licen[cs]e|warranty|condition"
)

_IN_OTHER_LANGUAGES = (
    "piel|cabello|pelo|tela|tejido|cierre|peau|cheveux|tissu|matière|matiere|fermeture|pelle|capelli|tessuto"
    "|chiusura|pele|cabelo|tecido|fechamento"
)

_PROPERTY_TYPE = re.compile(
    rf"(?:\w+_)?(?:{_PROPERTIES})_?types?"
    rf"|(?:types?|tipo)_(?:of|de|di|du|da)_(?:{_PROPERTIES}|{_IN_OTHER_LANGUAGES})"
    r"|(?:haut|haar|material|stoff|verschluss|linsen)_?typ"
)
"""Plain names: a word for a property, and one for a type."""


def is_property_type(plain: str) -> bool:
    """Whether a column of this plain name says of which type a property is.

    >>> is_property_type("skin_type"), is_property_type("tipo_de_piel"), is_property_type("product_type")
    (True, True, False)
    """
    return _PROPERTY_TYPE.fullmatch(plain) is not None
