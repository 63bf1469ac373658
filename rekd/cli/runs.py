"""`python -m rekd runs`: start, list, show, stop, resume, delete and bring back runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rekd.cli.settings import add_settings, config_from, given_settings


def add_runs(commands) -> None:
    """The commands runs list, show, start, stop, resume, delete and restore."""
    what = commands.add_parser("runs", help="runs in the background: start, list, show, stop, resume, delete, restore")
    what = what.add_subparsers(dest="what", required=True)
    _command(what, "list", _list, "a line a run, the newest first")
    _add_start(_command(what, "start", _start, "queue runs; each trains in a process of its own, in its turn"))
    _command(what, "show", _show, "more of one run", "RUN")
    stopped = _command(what, "stop", _stop, "ask a run to save its state and end", "RUN")
    stopped.add_argument(
        "--wait",
        type=float,
        help="seconds until it is ended by force (default: 60, and half an hour for one that says it is stopping)",
    )
    stopped.add_argument("--now", action="store_true", help="end it at once; what it did since its last state is lost")
    resumed = _command(what, "resume", _resume, "queue a stopped or failed run again, from its last state", "RUN")
    resumed.add_argument("--device", default="", help="cuda, cuda:1, mps or cpu (default: that it ran on)")
    _command(what, "delete", _delete, "move a run to the trash, from where it can be brought back", "RUN")
    _command(what, "restore", _restore, "bring a run back from the trash", "RUN")


def _command(what, name: str, run, about: str, of: str = "") -> argparse.ArgumentParser:
    parser = what.add_parser(name, help=about)
    if of:
        parser.add_argument("name", metavar=of, help="name or folder of the run")
    parser.add_argument("--at", type=Path, metavar="FOLDER", help="where runs are (default: REKD_RUNS, else runs/)")
    parser.set_defaults(run=run)
    return parser


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lineup",
        choices=("laptop", "gpu", "paper", "official"),
        help="CLS, teacher, RE and REKD of a preset, one after the other",
    )
    parser.add_argument("--members", help="of a line-up, such as re,rekd (default: all four)")
    parser.add_argument("--seeds", help="several runs that differ in their seed, such as 2026,2027,2028")
    parser.add_argument("--device", help="cuda, cuda:1, mps or cpu (default: the best here)")
    add_settings(parser)


def _root(arguments: argparse.Namespace) -> Path:
    from rekd.training.runs import home

    return arguments.at or home()


def _run(arguments: argparse.Namespace):
    from rekd.training.runs import find

    return find(arguments.name, _root(arguments))


def _list(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import listing

    print("\n".join(listing(_root(arguments))))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import describe

    print("\n".join(describe(_run(arguments))))
    return 0


def _start(arguments: argparse.Namespace) -> int:
    _check_lineup(arguments)
    from rekd.training.report import check_device
    from rekd.training.worker import launch

    plans = _plans(arguments, _root(arguments), check_device(arguments.device))
    launch(plans)
    for plan in plans:
        print(f"{plan.folder} is queued on {plan.device}. Look at it: python -m rekd runs show {plan.folder}")
    return 0


def _check_lineup(arguments: argparse.Namespace) -> None:
    """Refuse settings that a line-up would pass over, and members of none.

    Raises:
        ValueError: see above.
    """
    if not arguments.lineup and arguments.members is not None:
        raise ValueError(
            "--members was given without --lineup, whose members it names; give both, or leave --members out."
        )
    if arguments.lineup and (given := given_settings(arguments, besides=("task",))):
        raise ValueError(
            f"--lineup was given with {', '.join(given)}; its members have settings of their own, and beside it go "
            "--members, --seeds, --task, --device and --at alone. Leave the others out, or start runs without --lineup."
        )


def _plans(arguments: argparse.Namespace, root: Path, device: str) -> list:
    import dataclasses

    from rekd.training import lineups
    from rekd.training.runs import fresh
    from rekd.training.worker import Plan

    seeds = _seeds(arguments.seeds)
    if arguments.lineup:
        line = lineups.LINEUPS[arguments.lineup]
        members = arguments.members.split(",") if arguments.members else tuple(line.members)
        task = getattr(arguments, "task", "")
        return lineups.plans(arguments.lineup, members, seeds or line.seeds, root, task=task, device=device)
    config, folders = config_from(arguments), []
    for _ in seeds or (config.seed,):
        folders.append(fresh(config, root, folders))
    seeded = zip(folders, seeds or (config.seed,), strict=True)
    return [Plan(folder, dataclasses.replace(config, seed=seed), device) for folder, seed in seeded]


def _seeds(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"--seeds is {text!r}; write whole numbers such as 2026,2027,2028") from None


def _stop(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import stop

    stop(_run(arguments), arguments.wait, arguments.now)
    return _show(arguments)


def _resume(arguments: argparse.Namespace) -> int:
    from rekd.training.report import check_device
    from rekd.training.worker import resume

    run = _run(arguments)
    resume(run.folder, check_device(arguments.device or run.status.device or "cpu"))
    print(f"{run.folder} is queued again, from step {run.status.step:,}.")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    from rekd.training.runs import home
    from rekd.training.trash import delete

    run = _run(arguments)
    gone = delete(run)
    root = gone.parents[1]
    at = "" if root == home() else f" --at {root}"
    print(f"{run.folder} is in the trash, as {gone}.\nBring it back: python -m rekd runs restore {gone.name}{at}")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from rekd.training.trash import TRASH, restore

    root = _root(arguments)
    print(f"{restore(root / TRASH / Path(arguments.name).name)} is back.")
    return 0
