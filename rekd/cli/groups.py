"""Commands that have commands of their own, such as `runs list`."""

from __future__ import annotations

import argparse
import sys


def add_group(commands, name: str, about: str):
    """A command that does nothing but through its own; alone it says which there are.

    Returns:
        what takes its commands by `add_parser`.
    """
    parser = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    own = parser.add_subparsers(dest="what", metavar="COMMAND", title="commands")
    parser.set_defaults(run=lambda arguments: _ask(parser, own))
    return own


def _ask(parser: argparse.ArgumentParser, own) -> int:
    names = list(own.choices)
    parser.print_help(sys.stderr)
    print(f"\nSay what to do: {', '.join(names)}. Such as: {parser.prog} list", file=sys.stderr)
    return 2
