"""Numbers and times as every page shows them."""

from __future__ import annotations


def signed(value: float) -> str:
    """A difference with its sign and two decimals; one that rounds to nothing has no sign.

    >>> signed(0.25), signed(-0.25), signed(-0.001)
    ('+0.25', '-0.25', '0.00')
    """
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text


def moment(stored: str) -> str:
    """A time to the second; it is stored in ISO 8601 and UTC, which people elsewhere have to be told.

    >>> moment("2026-11-29T10:36:57.123+00:00")
    '2026-11-29 10:36:57 UTC'
    """
    return f"{stored[:10]} {stored[11:19]} UTC"
