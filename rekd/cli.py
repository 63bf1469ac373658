"""The command line: python -m rekd train | runs | evaluate | explain | promote | bench."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rekd.config import PRESETS, TrainConfig, between
from rekd.files import check_writable, write_json
from rekd.training.options import HELP
from rekd.training.recipes import RECIPES, from_recipe

INTERRUPTED = 130
"""Exit code of what Ctrl+C ended, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; errors that a person can mend are printed as a sentence, exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a terminal or a pipe may not know every sign of a text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, RuntimeError, OSError) as error:
        print(f"rekd {arguments.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rekd", description="Train, evaluate and explain rationale models.")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_train, _add_runs, _add_evaluate, _add_explain, _add_promote, _add_bench):
        add(commands)
    return parser


def _add_train(commands) -> None:
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
    said = HELP[field.name] + (f" (default: {default})" if field.default not in ("", dataclasses.MISSING) else "")
    options = {"default": argparse.SUPPRESS, "dest": field.name, "help": said.replace("%", "%%")}
    if kind is bool:
        parser.add_argument(name, action=argparse.BooleanOptionalAction, **options)
    elif kind in (int, float, str):
        parser.add_argument(name, type=kind, choices=tuple(PRESETS) if field.name == "preset" else None, **options)
    else:
        parser.add_argument(name, type=_json_object, **options)


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
    from rekd.training.fit import finished, fit_or_discard, read_config, start
    from rekd.training.runs import home
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


def _add_runs(commands) -> None:
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
    from rekd.training.runs import describe, find, home, stop
    from rekd.training.status import AT_WORK

    run = find(arguments.name, arguments.at or home())
    if stop(run, arguments.wait, arguments.now).state in AT_WORK:
        print(f"{run.folder} was asked to stop and is still at work: it evaluates, or its steps are long.")
        print(f"Wait for it, or end it at once: python -m rekd runs stop --now {run.folder}")
        return 1
    print("\n".join(describe(find(arguments.name, arguments.at or home()))))
    return 0


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


def _add_evaluate(commands) -> None:
    parser = commands.add_parser("evaluate", help="measure checkpoints on a split: accuracy, rates, control, leaks")
    parser.add_argument("checkpoint", nargs="+", help="name, folder or Hub id")
    parser.add_argument("--task", help="data set to read (default: the checkpoint's own; labels must agree)")
    parser.add_argument("--split", default="test", choices=("dev", "test"), help="default: %(default)s")
    parser.add_argument("--limit", type=int, help="the first n of a seeded shuffle of the split, for a quick look")
    parser.add_argument("--draws", type=int, default=10, help="sampled masks an example (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of sampled and random masks (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON too")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write one Parquet row an example")
    parser.add_argument("--rule", default="top-k", help="mask rule of the Parquet rows")
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best here)")
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from rekd.training.report import evaluate_checkpoint, report_lines

    if arguments.json:
        check_writable("--json", arguments.json)
    reports = {}
    for source in arguments.checkpoint:
        names = ("task", "split", "limit", "draws", "seed", "device", "out", "rule")
        report = evaluate_checkpoint(source, **{name: getattr(arguments, name) for name in names})
        reports[report["checkpoint"]] = report
        print("\n".join(report_lines(report)))
    if arguments.json:
        write_json(arguments.json, reports)
    return 0


def _add_explain(commands) -> None:
    parser = commands.add_parser("explain", help="show one rationale in the terminal")
    parser.add_argument("--task", help="task of the models, where --model names none")
    parser.add_argument("--model", action="append", help="checkpoint: name, folder or Hub id; several may be given")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="a text to read")
    what.add_argument("--image", type=Path, help="an image file to read")
    parser.add_argument("--rule", default="calibrated", help="threshold, calibrated, top-k or sampled")
    parser.add_argument("--seed", type=int, default=0, help="for sampled masks")
    parser.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from rekd.explanations.terminal import example_of, explain_lines, models_of

    example = example_of(arguments.text, arguments.image)
    models = arguments.model or models_of(arguments.task, example.modality)
    for lines in explain_lines(example, models, rule=arguments.rule, seed=arguments.seed):
        print(lines)
    return 0


def _add_promote(commands) -> None:
    parser = commands.add_parser("promote", help="publish the median of runs that differ in their seed")
    parser.add_argument("runs", nargs="+", type=Path, help="run folders")
    parser.add_argument("--name", required=True, help="name of the checkpoint, such as imdb-re")
    parser.add_argument("--role", help="teacher, cls, re, rekd, random or exhibit (default: the kind of the runs)")
    parser.add_argument("--to", type=Path, help="folder to publish in (default: checkpoints/)")
    parser.add_argument(
        "--judge", help="cls checkpoint whose attributions tell what honest masks give away of the label"
    )
    parser.add_argument("--reference", type=float, help="that number, where it was measured before")
    parser.add_argument("--note", action="append", default=[], help="a sentence for the card; several may be given")
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best here)")
    parser.set_defaults(run=_promote)


def _promote(arguments: argparse.Namespace) -> int:
    from rekd.checkpoints import shipped
    from rekd.training.promote import headline, promote

    info = promote(
        arguments.runs,
        (arguments.to or shipped()) / arguments.name,
        arguments.role,
        reference=arguments.reference,
        judge=arguments.judge,
        notes=arguments.note,
        device=arguments.device,
    )
    print(f"{info.folder}: {info.bytes / 1e6:.1f} MB, accuracy {headline(info.metrics):.3f}")
    return 0


def _add_bench(commands) -> None:
    parser = commands.add_parser("bench", help="measure how fast the app answers on this machine")
    parser.add_argument("what", choices=("app",), help="app: Explore, seen in a browser")
    parser.add_argument("--browser", help="path of Chromium or Chrome (default: the one that is found)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON too")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from rekd.bench import bench_app

    if arguments.json:
        check_writable("--json", arguments.json)
    return bench_app(arguments.browser, arguments.json)
