"""shelfwise assigns products to all of their categories.

>>> from shelfwise import Categorizer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shelfwise.categorizer import Categorizer

__version__ = "0.2.0"
__all__ = ["Categorizer", "__version__"]


def __getattr__(name: str) -> Any:
    # The facade pulls in torch; the version and the command line's help must not.
    if name == "Categorizer":
        from shelfwise.categorizer import Categorizer

        return Categorizer
    raise AttributeError(f"module 'shelfwise' has no attribute {name!r}")
