"""``shelfwise`` and ``python -m shelfwise``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line.

    Until its verb begins, imports and options take a fifth of a second. Ctrl+C meanwhile ends it as later,
    and not in a traceback.
    """
    try:
        from shelfwise.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
