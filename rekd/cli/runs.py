"""`python -m rekd runs`: start, list, show, stop, resume, delete and bring back runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rekd.cli.groups import add_group
from rekd.cli.settings import add_settings, config_from, given_settings, role_from


def add_runs(commands) -> None:
    """The commands runs list, show, start, stop, resume, delete and restore."""
    what = add_group(commands, "runs", "runs in the background: start, list, show, stop, resume, delete, restore")
    _command(what, "list", _list, "a line a run, the newest first")
    _add_start(_command(what, "start", _start, "queue runs; each trains in a process of its own, in its turn"))
    _command(what, "show", _show, "more of one run", "RUN")
    stopped = _command(what, "stop", _stop, "ask runs to save their state and end", "RUN", several=True)
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


def _command(what, name: str, run, about: str, of: str = "", several: bool = False) -> argparse.ArgumentParser:
    parser = what.add_parser(name, help=about)
    if of and several:
        parser.add_argument("names", nargs="+", metavar=of, help="name or folder of a run; several may be given")
    elif of:
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
    from rekd.training.listing import listing

    print("\n".join(listing(_root(arguments))))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from rekd.training.listing import describe

    print("\n".join(describe(_run(arguments))))
    return 0


def _start(arguments: argparse.Namespace) -> int:
    _check_lineup(arguments)
    from rekd.training.lineups import taught_by
    from rekd.training.report import check_device
    from rekd.training.worker import launch

    plans = _plans(arguments, _root(arguments), check_device(arguments.device))
    launch(plans)
    for sentence in taught_by(plans):
        print(sentence)
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
    from rekd.training.about import title_of
    from rekd.training.runs import fresh
    from rekd.training.worker import Plan

    seeds = _seeds(arguments.seeds)
    if arguments.lineup:
        line = lineups.LINEUPS[arguments.lineup]
        members = tuple(line.members) if arguments.members is None else _members(arguments.members)
        task = getattr(arguments, "task", "")
        return lineups.plans(arguments.lineup, members, seeds or line.seeds, root, task=task, device=device)
    config, role, folders = config_from(arguments), role_from(arguments), []
    for _ in seeds or (config.seed,):
        folders.append(fresh(config, root, folders, role))
    seeded = [dataclasses.replace(config, seed=seed) for seed in seeds or (config.seed,)]
    pairs = zip(folders, seeded, strict=True)
    return [Plan(folder, one, device, title_of(one, role), role=role) for folder, one in pairs]


def _members(text: str) -> list[str]:
    if not (names := [name.strip() for name in text.split(",") if name.strip()]):
        raise ValueError("--members is empty; name some of cls,teacher,re,rekd, or leave it out for all four.")
    return names


def _seeds(text: str | None) -> tuple[int, ...]:
    from rekd.training.seeds import read_seeds

    try:
        return read_seeds(text) if text else ()
    except ValueError as fault:
        raise ValueError(f"--seeds is {text!r}; {fault}") from None


def _stop(arguments: argparse.Namespace) -> int:
    from rekd.training.listing import describe
    from rekd.training.runs import find, read_run, stop

    faults = []
    for run in [find(name, _root(arguments)) for name in arguments.names]:
        try:
            stop(run, arguments.wait, arguments.now)
        except ValueError as fault:  # the others are to be stopped nevertheless
            faults.append(str(fault))
            continue
        print("\n".join(describe(read_run(run.folder))))
    if faults:
        raise ValueError(". ".join(faults))
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from rekd.training.report import check_device
    from rekd.training.status import saved_step
    from rekd.training.worker import resume

    run = _run(arguments)
    resume(run.folder, check_device(arguments.device or run.status.device or "cpu"))
    print(f"{run.folder} is queued again, from step {saved_step(run.folder):,}.")
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
