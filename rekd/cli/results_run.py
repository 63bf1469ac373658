"""`python -m rekd results run`: train and measure rows of the protocol."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.cli.train import INTERRUPTED
from rekd.cli.voice import say
from rekd.config import ENGINES
from rekd.results.row import FOLDER
from rekd.training.status import saved_step

if TYPE_CHECKING:
    from rekd.results.items import Item
    from rekd.results.running import Pending

FAILED = 1
"""Exit code where a run failed, or could not begin, and the others did not."""


def add_run(what) -> None:
    """The command results run."""
    parser = what.add_parser(
        "run",
        help="train and measure rows of the protocol",
        description="Trains the runs of the rows named, and first those that they learn from; each is measured on the "
        "test split once. The same command again goes on with what was stopped or failed, and does nothing twice.",
    )
    rows = "names such as imdb-2-layers-rekd, patterns such as 'imdb-*', or parts such as headline; '*' is all"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=rows)
    parser.add_argument("--seed", type=int, nargs="+", default=[], help="these seeds of the rows alone")
    where = f"of the runs (default: {FOLDER} in the folder of runs)"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    devices = "cuda, cuda:1, mps or cpu; several work at once (default: every GPU here, else the best device)"
    parser.add_argument("--device", nargs="+", default=[], help=devices)
    about = "runs that share a device; small models leave most of a large GPU free (default: %(default)s)"
    parser.add_argument("--together", type=int, default=1, metavar="N", help=about)
    about = (
        "how steps are made on a CUDA GPU; compile pays where many runs of a kind follow each other, since each finds "
        "what the first has compiled (default: %(default)s, compile from 7,000 steps on)"
    )
    parser.add_argument("--engine", choices=ENGINES, default="auto", help=about)
    parser.add_argument("--dry-run", action="store_true", help="say which runs there are, and start none")
    parser.set_defaults(run=_run)


def refuse_tables(arguments: argparse.Namespace) -> None:
    """Options of the tables before another word would be passed over.

    Raises:
        ValueError: one was given.
    """
    for name in ("task", "part", "source", "json"):
        if getattr(arguments, name) is not None:
            option = "--from" if name == "source" else f"--{name}"
            raise ValueError(
                f"{option} chooses what the tables show, and says nothing to `results {arguments.what}`; leave it out. "
                "Rows to run are named: python -m rekd results run 'imdb-*', or a part such as headline"
            )


def _run(arguments: argparse.Namespace) -> int:
    refuse_tables(arguments)
    from rekd.checks import between
    from rekd.results.items import items
    from rekd.results.protocol import find_rows
    from rekd.training.runs import home
    from rekd.training.sweep_local import devices_for

    between("--together", arguments.together, 1, 64)
    if not arguments.rows and not arguments.dry_run:
        raise ValueError(
            "all rows of the protocol are hundreds of runs; name those to run, or a part such as headline, or '*' for "
            "all: python -m rekd results run headline. With --dry-run they are listed"
        )
    root = arguments.out or home() / FOLDER
    if root.exists() and not root.is_dir():
        raise ValueError(f"--out is {root}, a file; the runs need a folder: name another with --out")
    every = items(find_rows(arguments.rows), root, arguments.seed)
    todo = [item for item in every if not item.done]
    devices = devices_for(arguments.device)
    if arguments.dry_run:
        print("\n".join(_listed(every)))
    done = f", {len(every) - len(todo)} of them done" if len(todo) < len(every) else ""
    where = ", ".join(devices) + (f", {arguments.together} together" if arguments.together > 1 else "")
    say(f"{len(every)} run{'s' * (len(every) != 1)}{done}; on {where}; in {root}.")
    if known := _measured(todo):
        say(f"The results hold what {known} of them measured elsewhere; here they are trained anew, for their weights.")
    if arguments.dry_run or not todo:
        return 0 if arguments.dry_run else _conclude(root, every, None)
    from rekd.results.running import run_items

    return _conclude(root, every, run_items(root, todo, devices, say, arguments.together, arguments.engine))


def _measured(todo: Sequence[Item]) -> int:
    """How many of these runs the file of results has."""
    from rekd.results.record import read_results, results_file

    try:
        found = read_results(results_file())
    except ValueError:  # damaged, as `results` says
        return 0
    held = {(result.row, result.seed) for result in found}
    return sum((item.row.name, item.seed) in held for item in todo)


def _listed(every: Sequence[Item]) -> list[str]:
    """A line a run: its name, and how it stands."""
    width = max(len(item.name) for item in every)
    return [f"{item.name:<{width}}  {_standing(item)}" for item in every]


def _standing(item: Item) -> str:
    if item.changed:
        return "holds a run of other settings than the row's: move it away, or name another folder with --out"
    if item.trained:
        return "is done" if item.done else "is trained, not measured"
    return f"goes on from step {step:,}" if (step := saved_step(item.folder)) else "to do"


def _conclude(root: Path, every: Sequence[Item], pending: Pending | None) -> int:
    """What is not done and why, or what to do with what is. Returns the exit code."""
    left = [item.name for item in every if not item.done]
    if not left:
        say(f"All are done. Put them into the results: python -m rekd results collect {root}")
        return 0
    faults = {**pending.faults, **({} if pending.stopped else pending.blocked())} if pending else {}
    said = [f"{len(left)} of {len(every)} runs are not done. The same command goes on with what is left."]
    said += [f"{name}: {fault}" for name, fault in faults.items()]
    print("\n".join(["", *said]), file=sys.stderr)
    return INTERRUPTED if pending and pending.stopped else FAILED
