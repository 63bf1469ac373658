"""The command line: python -m rekd train | runs | data | evaluate | explain | promote | bench."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rekd.cli.data import add_data
from rekd.cli.runs import add_runs
from rekd.cli.train import INTERRUPTED, add_train
from rekd.files import check_writable, write_json


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
    for add in (add_train, add_runs, add_data, _add_evaluate, _add_explain, _add_promote, _add_bench):
        add(commands)
    return parser


def _add_evaluate(commands) -> None:
    parser = commands.add_parser("evaluate", help="measure checkpoints on a split: accuracy, rates, control, leaks")
    parser.add_argument("checkpoint", nargs="+", help="name, folder, zip or Hub id")
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
    parser.add_argument(
        "--model", action="append", help="checkpoint: name, folder, zip or Hub id; several may be given"
    )
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
    about = "app: Explore, seen in a browser; live: the page Train while a run trains, and when none does"
    parser.add_argument("what", choices=("app", "live"), help=about)
    parser.add_argument("--browser", help="path of Chromium or Chrome (default: the one that is found)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON too")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from rekd.bench.app import bench_app
    from rekd.bench.live import bench_live

    if arguments.json:
        check_writable("--json", arguments.json)
    return {"app": bench_app, "live": bench_live}[arguments.what](arguments.browser, arguments.json)
