"""`python -m rekd data`: own data sets added, listed and removed."""

from __future__ import annotations

import argparse
import sys

from rekd.cli.groups import add_group

SHOWN = 10
"""Bad rows, and classes, that are printed one by one."""


def add_data(commands) -> None:
    """The commands data add, list and remove."""
    what = add_group(commands, "data", "data of your own: add, list and remove data sets")
    added = what.add_parser("add", help="look through data and keep them as a task")
    added.add_argument(
        "source",
        metavar="SOURCE",
        help="a CSV file, a folder or zip of pictures in folders named by class, or a data set's id on the Hugging "
        "Face Hub (owner/name or owner/name:configuration)",
    )
    added.add_argument("--name", help="what the data set will be called; not given: only say what would be kept")
    added.add_argument("--text", default="", metavar="COLUMN", help="the text or picture column (default: guessed)")
    added.add_argument("--label", default="", metavar="COLUMN", help="the label column (default: guessed)")
    added.add_argument("--size", type=int, default=64, help="pictures: side in pixels (default: %(default)s)")
    added.add_argument("--rate", type=float, default=0.0, help="share of the units to select; 0: the usual one")
    added.set_defaults(run=_add)
    listed = what.add_parser("list", help="a line a data set")
    listed.set_defaults(run=_list)
    removed = what.add_parser("remove", help="move a data set to the trash folder")
    removed.add_argument("task", metavar="NAME", help="its task, such as own-reviews")
    removed.set_defaults(run=_remove)


def _add(arguments: argparse.Namespace) -> int:
    from rekd.config import choose
    from rekd.data import own

    choose("--size", arguments.size, own.SIZES)
    if arguments.name is not None:
        own.slug_of(arguments.name)  # a name that is taken is told before anything is read
    draft = own.read_source(arguments.source, arguments.text, arguments.label, progress=_say)
    print("\n".join(_described(draft)))
    if arguments.name is None:
        print("Nothing was kept; give --name to keep it.")
        return 0
    spec = own.keep(draft, arguments.name, rate=arguments.rate, image_size=arguments.size, progress=_say)
    print(f"Kept as {spec.name}. Train on it: python -m rekd train --task {spec.name} --kind re")
    return 0


def _say(done: int, total: int) -> None:
    """How far it is, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _described(draft) -> list[str]:
    """A draft as lines: rows, classes, notes and what is left out."""
    splits = ", ".join(f"{count:,} {name}" for name, count in draft.splits.items())
    lines = [f"{draft.source}: {draft.rows:,} rows of {len(draft.classes)} classes ({splits})"]
    lines += [f"  {count:>9,}  {name}" for name, count in list(draft.counts.items())[:SHOWN]]
    lines += [f"  and {len(draft.classes) - SHOWN} more classes"] * (len(draft.classes) > SHOWN)
    lines += draft.notes
    if draft.bad_count:
        lines.append(f"Left out: {draft.bad_count:,} row{'s' * (draft.bad_count > 1)}.")
        lines += [f"  {_place(bad.number)}: {bad.reason}" for bad in draft.bad[:SHOWN]]
        lines += [f"  and {draft.bad_count - SHOWN:,} more"] * (draft.bad_count > SHOWN)
    return lines


def _place(number: int | str) -> str:
    return f"line {number}" if isinstance(number, int) else number


def _list(arguments: argparse.Namespace) -> int:
    from rekd.data import TASKS, own

    names, faults = own.names(), own.problems()
    for name in names:
        spec, rows = TASKS[name], own.details(name)["rows"]
        sizes = ", ".join(f"{count:,} {split}" for split, count in rows.items())
        print(f"{name}  {spec.modality}, {len(spec.classes)} classes, {sizes}: {spec.title}")
    for folder, why in faults.items():
        print(f"{folder} can't be used: {why}")
    if not names and not faults:
        print(f"No data set is in {own.home()}. Add one: python -m rekd data add FILE --name NAME")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from rekd.data import own

    where = own.forget(arguments.task if arguments.task.startswith("own-") else f"own-{arguments.task}")
    print(f"Moved to {where}. Delete that folder to free its space, or move it back to keep the data set.")
    return 0
