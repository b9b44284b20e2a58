"""The command line of a benchmark, described by its docstring."""

from __future__ import annotations

import argparse


def described(docstring: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the docstring, line by line."""
    layout = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=docstring, formatter_class=layout)
