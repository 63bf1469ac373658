"""The command line: `python -m rekd` train, sweep, runs, data, evaluate, explain, extract, promote, results, bench."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from rekd.cli.data import add_data
from rekd.cli.explain import add_explain
from rekd.cli.extract import add_extract
from rekd.cli.results import add_results
from rekd.cli.runs import add_runs
from rekd.cli.sweep import add_sweep
from rekd.cli.train import INTERRUPTED, add_train
from rekd.files import check_writable, write_json

PIPE_CLOSED = 141
"""Exit code of what writes to a pipe that was closed, as shells have it."""


class Parser(argparse.ArgumentParser):
    """What is wrong with a command, in a line, where argparse has a screen of usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\nWhat it takes: {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; errors that a person can mend are printed as a sentence, exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a terminal or a pipe may not know every sign of a text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = None
    try:
        arguments, strange = _parser().parse_known_args(argv)
        if strange:
            arguments.parser.error(f"unrecognized arguments: {' '.join(strange)}")
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who read the output has seen enough, as in `runs list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, RuntimeError, OSError) as error:
        print(f"rekd {arguments.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m rekd", description="Train, evaluate and explain rationale models.")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (add_train, add_sweep, add_runs, add_data):
        add(commands)
    for add in (_add_evaluate, add_explain, add_extract, _add_promote, add_results, _add_bench):
        add(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
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


def _add_promote(commands) -> None:
    parser = commands.add_parser("promote", help="publish the median of runs that differ in their seed")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="names or folders of runs that are done")
    parser.add_argument("--name", required=True, help="name of the checkpoint, such as imdb-re")
    parser.add_argument(
        "--role", default="", help="teacher, cls, re, rekd, random or exhibit (default: that of the runs)"
    )
    parser.add_argument("--to", type=Path, help="folder to publish in (default: checkpoints/)")
    parser.add_argument(
        "--judge", help="cls checkpoint whose attributions tell what honest masks give away of the label"
    )
    parser.add_argument("--reference", type=float, help="that number, where it was measured before")
    parser.add_argument("--note", action="append", default=[], help="a sentence for the card; several may be given")
    about = "it comes with the project, and Explore may take it by default; others stand behind those that do"
    parser.add_argument("--shipped", action="store_true", help=about)
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best here)")
    parser.set_defaults(run=_promote)


def _promote(arguments: argparse.Namespace) -> int:
    from rekd.training.promotion import check
    from rekd.training.runs import find, home

    check(arguments.name, arguments.role, arguments.to)
    runs = [find(name, home()).folder for name in arguments.runs]
    from rekd.training.promote import headline, promote

    names = ("to", "reference", "judge", "device", "shipped")
    given = {name: getattr(arguments, name) for name in names}
    info = promote(runs, arguments.name, arguments.role, notes=arguments.note, **given)
    print(f"{info.folder}: {info.bytes / 1e6:.1f} MB, accuracy {headline(info.metrics):.3f}")
    return 0


def _add_bench(commands) -> None:
    parser = commands.add_parser("bench", help="measure how fast this machine answers and trains")
    about = (
        "app: Explore, seen in a browser; infer: rationales and predictions, of one input and of many, "
        "beside the plain way; live: the page Train while a run trains, and when none does; methods: every attribution "
        "method on one review and one digit; train: a training step, beside the same step written plainly; whole: the "
        "paper's run on film reviews, which takes a GPU minutes and a processor days"
    )
    parser.add_argument("what", choices=("app", "infer", "live", "methods", "train", "whole"), help=about)
    parser.add_argument("--browser", help="path of Chromium or Chrome (default: the one that is found)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON too")
    about = "of train: those steps alone whose names in the table hold one of these texts"
    parser.add_argument("--only", nargs="+", default=[], metavar="TEXT", help=about)
    parser.add_argument("--epochs", type=float, help="of whole: passes over 20,000 reviews (default: the paper's 35)")
    parser.set_defaults(run=_bench)


QUIET = {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}
"""Of PyTorch, without the lines of its profiler, which would stand between those of a table."""


def _bench(arguments: argparse.Namespace) -> int:
    for name, level in QUIET.items():  # read when torch is imported
        os.environ.setdefault(name, level)
    from rekd.bench.app import bench_app
    from rekd.bench.infer import bench_infer
    from rekd.bench.live import bench_live
    from rekd.bench.methods import bench_methods
    from rekd.bench.train import bench_train
    from rekd.bench.whole import bench_whole

    if arguments.json:
        check_writable("--json", arguments.json)
    benches = {"app": bench_app, "infer": bench_infer, "live": bench_live}
    benches |= {"methods": bench_methods, "train": partial(bench_train, only=arguments.only)}
    benches |= {"whole": partial(bench_whole, epochs=arguments.epochs)}
    if arguments.only and arguments.what != "train":
        raise ValueError(f"--only chooses among the steps of train, and {arguments.what} has none; leave it out")
    if arguments.epochs is not None and arguments.what != "whole":
        raise ValueError(f"--epochs is the length of whole, and {arguments.what} has none; leave it out")
    return benches[arguments.what](arguments.browser, arguments.json)
