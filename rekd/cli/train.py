"""`python -m rekd train`: one run from start to checkpoint, here or, as the worker of a queued run, in its turn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.cli.settings import add_settings, config_from, refuse_settings, role_from
from rekd.cli.voice import say

if TYPE_CHECKING:
    from rekd.checkpoints import Info

INTERRUPTED = 130
"""Exit code of what Ctrl+C ended, as shells have it."""


def add_train(commands) -> None:
    """The command train, with an option a field of TrainConfig."""
    parser = commands.add_parser(
        "train",
        help="train one model",
        description="Settings come from the recipe, or from the preset, and then from the options given.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="RUN", help="a queued run's folder: wait for its turn, then train it"
    )
    add_settings(parser)
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with this run, at once: its folder or name")
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/<task>-<kind>-<time>)")
    parser.add_argument("--device", help="cuda, cuda:1, mps or cpu (default: the best here)")
    parser.add_argument("--cpu", action="store_const", const="cpu", dest="device", help="the same as --device cpu")
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from rekd.training.stopping import Stopped

    if arguments.folder:
        refuse_settings(arguments, "RUN")
    try:
        info = _in_turn(arguments) if arguments.folder else _at_once(arguments)
    except Stopped as stopped:
        run = arguments.folder or arguments.resume or arguments.out
        say(f"{stopped} Go on with it: python -m rekd train --resume {run}")
        return INTERRUPTED
    say(f"Checkpoint: {info.folder}\nEvaluate it: python -m rekd evaluate {info.folder}")
    return 0


def _in_turn(arguments: argparse.Namespace) -> Info:
    from rekd.training.worker import work

    return work(arguments.folder, arguments.device or "cpu")


def _at_once(arguments: argparse.Namespace) -> Info:
    from rekd.training.about import title_of, write_about
    from rekd.training.turns import choose_device

    device = choose_device(arguments.device or "")
    from rekd.training.fit import finished, fit_or_discard, start
    from rekd.training.progress import Teller
    from rekd.training.report import check_device
    from rekd.training.runs import fresh, home, read_config
    from rekd.training.setup import remarks
    from rekd.training.stopping import stop_on_signal

    device, new = check_device(device), False
    if arguments.resume:
        refuse_settings(arguments, "--resume")
        run = _named(arguments.resume, home())
        config = read_config(run)
    else:
        config = config_from(arguments)
        run = arguments.out = arguments.out or _agreed(fresh(config, home()), cpu=device == "cpu")
        new = not run.exists()
        config = start(config, run)
        if new:
            role = role_from(arguments)
            write_about(run, title_of(config, role), role=role)
    if info := finished(config, run):
        say(f"{run} is finished at step {info.training['steps_done']}; nothing was trained.")
        return info
    for remark in (*remarks(config), f"Trains {config.kind} on {config.task} for {_count(config.steps)}, in {run}."):
        say(remark)
    with stop_on_signal(_say_stopping, run) as stop:
        return fit_or_discard(config, run, fresh=new, cpu=device == "cpu", stop=stop, tell=Teller(config.steps, say))


def _named(run: Path, root: Path) -> Path:
    """A run's folder, also where it is named as `runs list` does."""
    return root / run if not run.exists() and (root / run / "config.json").is_file() else run


def _agreed(folder: Path, cpu: bool) -> Path:
    """The first process's folder, of several that each looked at the clock and at what is there."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    folders = [str(folder)]
    if PartialState(cpu=cpu).num_processes > 1:
        broadcast_object_list(folders)
    return Path(folders[0])


def _count(steps: int) -> str:
    return f"{steps:,} step{'s' * (steps != 1)}"


def _say_stopping() -> None:
    print(
        "\nThe run stops at its next line of metrics and saves its state. Once more stops it at once.", file=sys.stderr
    )
