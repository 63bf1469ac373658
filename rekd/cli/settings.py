"""Options from the fields of a run's configuration, and the configuration from the options given."""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from collections.abc import Collection
from typing import Any

from rekd.config import PRESETS, REPORTS, TrainConfig, between
from rekd.training.about import TEACHER
from rekd.training.options import HELP
from rekd.training.recipes import RECIPES, from_recipe


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Options for what a run is: a recipe, the length in epochs, and a field of TrainConfig each."""
    parser.add_argument("--recipe", choices=RECIPES, help="the settings that a shipped checkpoint was trained with")
    parser.add_argument("--epochs", type=float, help="in place of --steps: passes over the training split")
    for field in dataclasses.fields(TrainConfig):
        _add_field(parser, field)


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


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of TrainConfig that were given as options."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    return {name: value for name, value in vars(arguments).items() if name in names}


def given_settings(arguments: argparse.Namespace, besides: Collection[str] = ()) -> list[str]:
    """The options that say what a run is and were given, such as --steps, but for the names `besides`."""
    given = [name for name in ("recipe", "epochs", "out") if getattr(arguments, name, None) is not None]
    return [f"--{name.replace('_', '-')}" for name in (*given, *_settings(arguments)) if name not in besides]


def refuse_settings(arguments: argparse.Namespace, beside: str) -> None:
    """Refuse settings beside what names a run that has its own.

    Raises:
        ValueError: see above.
    """
    if given := given_settings(arguments):
        raise ValueError(
            f"{beside} was given with {', '.join(given)}; a resumed run keeps its configuration and its folder. "
            "Leave them out, or start another run without --resume."
        )


def role_from(arguments: argparse.Namespace) -> str:
    """What the run is for, where the recipe says more than its kind: "teacher", or ""."""
    return TEACHER if (arguments.recipe or "").endswith(f"-{TEACHER}") else ""


def config_from(arguments: argparse.Namespace) -> TrainConfig:
    """The configuration that the options describe.

    Raises:
        ValueError: options that contradict each other, or a value out of its range.
    """
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
