"""What stands for a missing value."""

from __future__ import annotations

import math
from typing import Any

_LONGEST_DASHES = 20

_EXACT = (
    # pandas and numpy; databases; R, JavaScript, and quotes around nothing
    r"nan,NaN,NAN,-nan,-NaN,NaT,<NA>,1.#QNAN,\N,NA,undefined,nil,"
    "\"\",'',N / A,k.A.,k. A.,?,н/д,なし,"
    # what spreadsheets write into pivot tables
    "(blank),(empty),(leer),(Leer),(vide),(en blanco),(vuoto),"
    # their errors, in the languages of their programs
    "#N/A,#NA,#NV,#N/D,#ND,#N/B,#VALUE!,#WERT!,#VALEUR!,#VALOR!,#VALORE!,#REF!,#BEZUG!,#RIF!,#DIV/0!,"
    "#NAME?,#NOM?,#NOMBRE?,#NOME?,#NUM!,#ZAHL!,#NOMBRE!,#NULL!,#NUL!,#¡VALOR!,#¡REF!,#¡DIV/0!,#¿NOMBRE?,"
    "#¡NUM!,#¡NULO!,#ARG!,#ADR!,#DZIEL/0!,#NAZWA?,#LICZBA!,#ZERO!,#N/D!,\N{EN DASH},\N{EM DASH}"
)
_IN_ANY_CASE = (
    "none,(none),tbd,null,(null),[null],<null>,n/a,n.a.,n/d,n.d.,s/d,b.d.,b/d,n.v.t.,n/c,n.c.,n/r,n.r.,"
    "brak,brak danych,keine angabe,keine Angabe,yok,belirtilmemiş,не указано,нет данных,"
    "keine,keiner,geen,ingen,saknas,aucun,aucune,ninguno,ninguna,nessuno,nessuna,nenhum,nenhuma,"
    "n.a,not specified,unspecified,not provided,not applicable,no data,nicht angegeben,non spécifié,"
    "non specificato,no especificado,não informado,niet opgegeven,"
    "non renseigné,sin datos,not available,nicht verfügbar,non disponible,no disponible,"
    "non disponibile,niet beschikbaar,não disponível"
)

MISSING = frozenset(
    (
        *_EXACT.split(","),
        *(
            form(word)
            for word in _IN_ANY_CASE.split(",")
            for form in (str, str.capitalize, str.title, str.upper)
        ),
        *("-" * count for count in range(1, _LONGEST_DASHES + 1)),
    )
)
"""What people and programs write where there is nothing, and the errors of spreadsheets."""


FALSE = frozenset(("False", "false", "FALSE"))
"""What a table has of a text for which a program answered false, as Odoo does where there is none."""


def is_missing(value: Any) -> bool:
    """None, NaN, empty lists and objects, text of white space only, and the texts of :data:`MISSING`."""
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip()
        return not text or text in MISSING
    if isinstance(value, float):
        return math.isnan(value)
    return value in ([], {}, ())
