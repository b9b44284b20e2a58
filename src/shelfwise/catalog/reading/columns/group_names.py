"""Names of columns that say which group a product is in: ``Product Group Description``, ``Material Group``.

Systems of accounts and of goods have a code for each group, and mostly its name in a column beside it.
"""

from __future__ import annotations

import re

from shelfwise.catalog.reading.columns.written_words import word_set

_GROUP = re.compile(
    r"(?:\w+_)?(?:product|products|prod|item|article|material|mat|stock|merchandise|commodity|inventory|goods"
    r"|etim|gpc|unspsc)_?(?:group|grp|class|family|category|department|dept|brick|commodity)(?:_?(?:name|desc|descr|description|text|code))?"
)
"""A word for products, one for a group, and what of the group."""

_GROUPS = word_set(
    """
    group section department dept aisle product_line abteilung sortiment gruppe produktlinie groupe
    rubrique département gamme rubro grupo sección departamento gama seção gruppo gruppo_merceologico
    reparto rubrica sezione famiglia afdeling groep dział varugrupp varegruppe avdelning tuoteryhmä
    skupina csoport grupă раздел группа группа_товаров ομάδα reyon danh_mục kelompok القسم قسم 분류 分類
    """
)
"""What groups and departments of goods are called where nothing says of what they are."""


def is_group_name(plain: str) -> bool:
    """Whether a column of this plain name says which group a product is in.

    >>> is_group_name("product_group_description"), is_group_name("price_group")
    (True, False)
    >>> is_group_name("abteilung")
    True
    """
    return plain in _GROUPS or _GROUP.fullmatch(plain) is not None
