"""``python -m shelfwise``."""

from shelfwise.cli import main

main()
