"""`python -m rekd runs`: how runs stand, and an end to one."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_runs(commands) -> None:
    """The commands runs list, show and stop."""
    what = commands.add_parser("runs", help="runs: how they stand, and an end to one")
    what = what.add_subparsers(dest="what", required=True)
    listed = what.add_parser("list", help="a line a run, the newest first")
    listed.set_defaults(run=_list_runs)
    shown = what.add_parser("show", help="more of one run")
    shown.set_defaults(run=_show_run)
    stopped = what.add_parser("stop", help="ask a run to save its state and end")
    stopped.add_argument("--wait", type=float, default=60, help="seconds to wait for that (default: %(default)s)")
    stopped.add_argument("--now", action="store_true", help="end it at once; what it did since its last state is lost")
    stopped.set_defaults(run=_stop_run)
    for command in (shown, stopped):
        command.add_argument("name", metavar="RUN", help="name or folder of the run")
    for command in (listed, shown, stopped):
        command.add_argument(
            "--at", type=Path, metavar="FOLDER", help="where runs are (default: REKD_RUNS, else runs/)"
        )


def _list_runs(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import home, listing

    print("\n".join(listing(arguments.at or home())))
    return 0


def _show_run(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import describe, find, home

    print("\n".join(describe(find(arguments.name, arguments.at or home()))))
    return 0


def _stop_run(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import find, home, stop
    from rekd.training.status import AT_WORK

    run = find(arguments.name, arguments.at or home())
    if stop(run, arguments.wait, arguments.now).state in AT_WORK:
        print(f"{run.folder} was asked to stop and is still at work: it evaluates, or its steps are long.")
        print(f"Wait for it, or end it at once: python -m rekd runs stop --now {run.folder}")
        return 1
    return _show_run(arguments)
