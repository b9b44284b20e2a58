"""``python -m shelfwise``."""

from shelfwise.cli.main import main

main()
