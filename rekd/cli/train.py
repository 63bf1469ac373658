"""`python -m rekd train`: options from the fields of a run's configuration, and one run from start to checkpoint."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
import typing
from pathlib import Path
from typing import Any

from rekd.config import PRESETS, REPORTS, TrainConfig, between
from rekd.training.options import HELP
from rekd.training.recipes import RECIPES, from_recipe

INTERRUPTED = 130
"""Exit code of what Ctrl+C ended, as shells have it."""


def add_train(commands) -> None:
    """The command train, with an option a field of TrainConfig."""
    parser = commands.add_parser(
        "train",
        help="train one model",
        description="Settings come from the recipe, or from the preset, and then from the options given.",
    )
    parser.add_argument("--recipe", choices=RECIPES, help="the settings that a shipped checkpoint was trained with")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/<task>-<kind>-<time>)")
    parser.add_argument("--epochs", type=float, help="in place of --steps: passes over the training split")
    parser.add_argument("--cpu", action="store_true", help="don't use a GPU")
    for field in dataclasses.fields(TrainConfig):
        _add_field(parser, field)
    parser.set_defaults(run=_train)


def _add_field(parser: argparse.ArgumentParser, field: dataclasses.Field) -> None:
    kind = typing.get_type_hints(TrainConfig)[field.name]
    name = "--" + field.name.replace("_", "-")
    default = f"{field.default}".replace("True", "yes").replace("False", "no")
    said = HELP[field.name] + (f" (default: {default})" if field.default not in ("", (), dataclasses.MISSING) else "")
    options = {"default": argparse.SUPPRESS, "dest": field.name, "help": said.replace("%", "%%")}
    if kind is bool:
        parser.add_argument(name, action=argparse.BooleanOptionalAction, **options)
    elif kind in (int, float, str):
        choices = {"preset": tuple(PRESETS), "report_to": REPORTS[1:]}.get(field.name)
        parser.add_argument(name, type=kind, choices=choices, **options)
    elif field.name == "watched":
        parser.add_argument(name, type=_rows, metavar="ROWS", **options)
    else:
        parser.add_argument(name, type=_json_object, **options)


def _rows(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no row numbers; write them such as 3,14,15") from None


def _json_object(text: str) -> dict:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON ({error}); {_AS_JSON}") from None
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is JSON, but no object; {_AS_JSON}")
    return values


_AS_JSON = "write it such as '{\"layers\": [0, 5]}', in single quotes"


def _train(arguments: argparse.Namespace) -> int:
    from rekd.training.fit import finished, fit_or_discard, start
    from rekd.training.runs import home, read_config
    from rekd.training.setup import remarks
    from rekd.training.status import Stopped, stop_on_signal

    fresh = False
    if arguments.resume:
        _refuse_settings(arguments)
        run, config = arguments.resume, read_config(arguments.resume)
    else:
        config = _train_config(arguments)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        run = arguments.out or home() / f"{config.task}-{config.kind}-{stamp}"
        fresh = not run.exists()
        config = start(config, run)
    if info := finished(config, run):
        print(f"{run} is finished at step {info.training['steps_done']}; nothing was trained.")
    else:
        for remark in remarks(config):
            print(remark)
        try:
            with stop_on_signal(_say_stopping) as stop:
                info = fit_or_discard(config, run, fresh=fresh, cpu=arguments.cpu, stop=stop)
        except Stopped as stopped:
            print(f"{stopped} Go on with it: python -m rekd train --resume {run}")
            return INTERRUPTED
    print(f"Checkpoint: {info.folder}\nEvaluate it: python -m rekd evaluate {info.folder}")
    return 0


def _say_stopping() -> None:
    print(
        "\nThe run stops at its next line of metrics and saves its state. Once more stops it at once.", file=sys.stderr
    )


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of TrainConfig that were given as options."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def _refuse_settings(arguments: argparse.Namespace) -> None:
    given = [name for name in ("recipe", "epochs", "out") if getattr(arguments, name) is not None]
    if given := [f"--{name.replace('_', '-')}" for name in (*given, *_settings(arguments))]:
        raise ValueError(
            f"--resume was given with {', '.join(given)}; a resumed run keeps its configuration and its folder. "
            "Leave them out, or start another run without --resume."
        )


def _train_config(arguments: argparse.Namespace) -> TrainConfig:
    values = _settings(arguments)
    if arguments.epochs is not None:
        between("--epochs", arguments.epochs, 1e-3, 1e6)
        if "steps" in values:
            raise ValueError("--epochs and --steps both say how long to train; give one of them")
    if arguments.recipe:
        config = from_recipe(arguments.recipe, **values)
    elif missing := sorted({"task", "kind"} - set(values)):
        raise ValueError(f"--{' and --'.join(missing)} must be given where no --recipe is")
    else:
        config = TrainConfig.from_preset(values.pop("preset", "default"), **values)
    if arguments.epochs is not None:
        from rekd.data import load_split

        size = len(load_split(config.task, "train"))
        config = dataclasses.replace(config, steps=max(1, round(arguments.epochs * size / config.batch_size)))
    return config
