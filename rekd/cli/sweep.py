"""`python -m rekd sweep`: a grid of runs, over the devices of this machine or an existing Ray cluster."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rekd.cli.settings import add_settings, config_from, role_from
from rekd.cli.train import INTERRUPTED
from rekd.cli.voice import say
from rekd.config import TrainConfig
from rekd.files import check_writable, write_json

if TYPE_CHECKING:
    from rekd.training.sweep import Point, Trial
    from rekd.training.sweep_told import Course

FAILED = 1
"""Exit code where a run failed and the others did not."""


def add_sweep(commands) -> None:
    """The command sweep: the options of train, each of which takes several values."""
    parser = commands.add_parser(
        "sweep",
        help="train a grid of runs: several seeds, rates, or values of any setting",
        usage="python -m rekd sweep --recipe NAME [--SETTING VALUE ...] [--seed SEED ...] [--out FOLDER] "
        "[--device DEVICE ... | --ray ADDRESS] [--json FILE] [--dry-run]",
        description="Every combination of the values given is trained. A setting is an option of train and takes "
        "several values, such as --rate 0.1 0.15; one that is switched on and off takes both switches, such as "
        "--shared-noise --no-shared-noise. The same command again goes on with what was stopped or failed, and trains "
        "nothing twice.",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="of the runs (default: runs/sweep-<task>-<kind>)")
    parser.add_argument("--dry-run", action="store_true", help="say which runs there are, and start none")
    devices = (
        "cuda, cuda:1, mps or cpu; several run at once, a run each (default: every GPU here, else the best device)"
    )
    parser.add_argument("--device", nargs="+", default=[], help=devices)
    about = "train on this Ray cluster (auto: that of this machine), a run a task; all its nodes must see --out"
    parser.add_argument("--ray", metavar="ADDRESS", help=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON too")
    add_settings(_Several(parser))
    parser.set_defaults(run=_sweep)


class _Several:
    """Adds options to a parser that each take several values where they were said to take one."""

    def __init__(self, parser: argparse.ArgumentParser):
        self.parser = parser

    def add_argument(self, *names: str, **options: Any) -> None:
        switch = options.get("action") is argparse.BooleanOptionalAction
        self.parser.add_argument(*names, **options | ({"action": _Switches} if switch else {"nargs": "+"}))


class _Switches(argparse.BooleanOptionalAction):
    """--this and --no-this, of which both may be given."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        before = getattr(namespace, self.dest, [])
        setattr(namespace, self.dest, [*before, not option_string.startswith("--no-")])


def _sweep(arguments: argparse.Namespace) -> int:
    if arguments.json:
        check_writable("--json", arguments.json)
    from rekd.training import sweep
    from rekd.training.runs import home
    from rekd.training.setup import remarks
    from rekd.training.sweep_told import Course, listed

    points = _points(arguments)
    root = arguments.out or home() / _name([point.config for point in points])
    made = sweep.trials(root, points)
    sweep.check(made)
    devices = _devices(arguments)
    todo = [trial for trial in made if not sweep.is_done(trial)]
    if arguments.dry_run:
        print("\n".join(listed(made)))
    done = f", {len(made) - len(todo)} of them done" if len(todo) < len(made) else ""
    say(f"{_count(len(made))}{done}; {_where(arguments, devices)}; in {root}.")
    if arguments.dry_run:
        return 0
    for remark in dict.fromkeys(each for trial in todo for each in remarks(trial.config)):
        say(remark)
    course = Course(todo, say)
    stopped = _train(arguments, root, devices, course) if todo else False
    return _conclude(made, course, stopped, arguments.json)


def _points(arguments: argparse.Namespace) -> list[Point]:
    """Every combination of the values given: each setting with the first seed, then each with the next.

    Raises:
        ValueError: as `config_from`, of any of them.
    """
    from rekd.training.sweep import Point

    axes = {name: _distinct(values) for name, values in vars(arguments).items() if name in _AXES and values is not None}
    seeds, several = axes.pop("seed", [None]), [name for name, values in axes.items() if len(values) > 1]
    found = []
    for values in itertools.product(*axes.values()):
        one = argparse.Namespace(**_NOT_GIVEN | dict(zip(axes, values, strict=True)))
        found.append(Point({name: getattr(one, name) for name in several}, config_from(one), role_from(one)))
    return [_seeded(point, seed) for seed in seeds for point in found]


_NOT_GIVEN = {"recipe": None, "epochs": None}
_AXES = {*_NOT_GIVEN, *(field.name for field in dataclasses.fields(TrainConfig))}


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def _seeded(point: Point, seed: int | None) -> Point:
    config = point.config if seed is None else dataclasses.replace(point.config, seed=seed)
    return dataclasses.replace(point, config=config)


def _name(configs: Sequence[TrainConfig]) -> str:
    """The folder of a grid that was given none: the same command finds it again, and a larger grid goes on in it."""
    tasks, kinds = (dict.fromkeys(getattr(config, name) for config in configs) for name in ("task", "kind"))
    return "-".join(["sweep", *tasks, *kinds])


def _devices(arguments: argparse.Namespace) -> list[str]:
    """The devices to train on; under Ray what was named, if anything.

    Raises:
        ValueError: one is not here, or Ray is not installed.
    """
    if arguments.ray is None:
        from rekd.training.sweep_local import devices_for

        return devices_for(arguments.device)
    from rekd.training.sweep_ray import check_ray

    check_ray(arguments.device)
    return arguments.device


def _where(arguments: argparse.Namespace, devices: Sequence[str]) -> str:
    if arguments.ray is not None:
        return f"on the Ray cluster at {arguments.ray}"
    return f"one at a time on {devices[0]}" if len(devices) == 1 else f"{len(devices)} at once on {', '.join(devices)}"


def _train(arguments: argparse.Namespace, root: Path, devices: Sequence[str], course: Course) -> bool:
    """Train what is left of the grid. Returns whether it was stopped."""
    from rekd.training.sweep import held

    if arguments.ray is None:
        from rekd.training.sweep_local import sweep_here

        with held(root):
            return sweep_here(root, devices, course)
    from rekd.training.sweep_ray import connected, gpus_for, sweep_on_ray

    with connected(arguments.ray) as ray:
        gpus = gpus_for(ray, devices)
        with held(root):
            return sweep_on_ray(ray, root, gpus, course)


def _conclude(made: Sequence[Trial], course: Course, stopped: bool, to: Path | None) -> int:
    """The table, and after it what is not done, and why. Returns the exit code."""
    from rekd.training.sweep import is_done
    from rekd.training.sweep_told import rows, table

    found = rows(made)
    print("\n".join(["", *table(found)]), flush=True)
    if to:
        write_json(to, {"rows": [row.to_dict() for row in found]})
    left = [trial for trial in made if not is_done(trial)]
    if not left:
        return 0
    said = [f"{len(left)} of {_count(len(made))} not done. The same command goes on with what is left."]
    said += [f"{trial.folder} failed: {cause}" for trial, cause in course.faults.items()]
    print("\n".join(["", *said]), file=sys.stderr)
    return INTERRUPTED if stopped else FAILED


def _count(runs: int) -> str:
    return f"{runs} run{'s' * (runs != 1)}"
