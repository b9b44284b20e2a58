"""What stands for a missing value."""

from __future__ import annotations

import math
from typing import Any

_LONGEST_DASHES = 20

MISSING = frozenset(
    (
        # pandas and numpy
        *("nan", "NaN", "NAN", "-nan", "-NaN", "NaT", "<NA>", "none", "None", "NONE", "1.#QNAN"),
        # databases
        *(
            "null",
            "Null",
            "NULL",
            "(null)",
            "(NULL)",
            "[null]",
            "[NULL]",
            "<null>",
            "<NULL>",
            "\\N",
        ),
        # R, JavaScript, and quotes around nothing
        *("NA", "undefined", "nil", '""', "''"),
        # people
        *("n/a", "N/A", "N/a", "n.a.", "N.A.", "N / A", "n/d", "N/D", "k.A.", "k. A.", "?"),
        *("n.d.", "N.D.", "s/d", "S/D", "b.d.", "B.D.", "b/d", "n.v.t.", "N.v.t.", "н/д"),
        *("n/c", "N/C", "n.c.", "N.C.", "N/R", "N.R."),
        *("brak", "Brak", "BRAK", "brak danych", "Brak danych", "keine Angabe", "Keine Angabe"),
        *("yok", "Yok", "YOK", "belirtilmemiş", "Belirtilmemiş", "не указано", "なし"),
        *(
            "keine",
            "Keine",
            "keiner",
            "Keiner",
            "geen",
            "Geen",
            "ingen",
            "Ingen",
            "saknas",
            "Saknas",
        ),
        *("aucun", "Aucun", "aucune", "Aucune", "ninguno", "Ninguno", "ninguna", "Ninguna"),
        *("nessuno", "Nessuno", "nessuna", "Nessuna", "nenhum", "Nenhum", "nenhuma", "Nenhuma"),
        *("non renseigné", "Non renseigné", "sin datos", "Sin datos", "нет данных", "Нет данных"),
        *("not available", "Not available", "Not Available", "NOT AVAILABLE"),
        *("nicht verfügbar", "Nicht verfügbar", "non disponible", "Non disponible"),
        *("no disponible", "No disponible", "non disponibile", "Non disponibile"),
        *("niet beschikbaar", "Niet beschikbaar", "não disponível", "Não disponível"),
        # what spreadsheets write into pivot tables
        *("(blank)", "(empty)", "(leer)", "(Leer)", "(vide)", "(en blanco)", "(vuoto)"),
        # their errors, in the languages of their programs
        *("#N/A", "#NA", "#NV", "#N/D", "#ND", "#N/B", "#VALUE!", "#WERT!", "#VALEUR!"),
        *("#VALOR!", "#VALORE!", "#REF!", "#BEZUG!", "#RIF!", "#DIV/0!", "#NAME?", "#NOM?"),
        *("#NOMBRE?", "#NOME?", "#NUM!", "#ZAHL!", "#NOMBRE!", "#NULL!", "#NUL!"),
        *("#¡VALOR!", "#¡REF!", "#¡DIV/0!", "#¿NOMBRE?", "#¡NUM!", "#¡NULO!"),
        *("#ARG!", "#ADR!", "#DZIEL/0!", "#NAZWA?", "#LICZBA!", "#ZERO!", "#N/D!"),
        *("-" * count for count in range(1, _LONGEST_DASHES + 1)),
        *("\N{EN DASH}", "\N{EM DASH}"),
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
