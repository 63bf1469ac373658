"""`python -m rekd results`: the tables of what runs have measured, and the file of it, made from run folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.cli.results_run import add_run, refuse_tables
from rekd.files import check_writable, write_json
from rekd.results.row import PARTS

if TYPE_CHECKING:
    from rekd.results.record import Result
    from rekd.results.summary import Aggregate

NOTHING = 1
"""Exit code where no run was read."""


def add_results(commands) -> None:
    """The command results: without a word more it shows them."""
    parser = commands.add_parser("results", help="what the runs of the protocol measured: tables, comparisons, leaks")
    _add_options(parser)
    parser.set_defaults(run=_show, what=None)
    what = parser.add_subparsers(dest="what", metavar="show | run | collect")
    # Options that stand before the word count as well: a default of ours would take their place.
    _add_options(what.add_parser("show", help="print the tables", argument_default=argparse.SUPPRESS))
    add_run(what)
    _add_collect(what.add_parser("collect", help="keep what the runs in these folders measured"))


def _add_options(parser: argparse.ArgumentParser) -> None:
    given = {} if parser.argument_default is argparse.SUPPRESS else {"default": None}
    parser.add_argument("--task", help="rows of one data set, such as imdb", **given)
    parser.add_argument("--part", choices=(*PARTS, "own"), help="one part of the protocol, or own runs", **given)
    where = "the file of results (default: that of checkpoints/)"
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help=where, **given)
    about = "write rows, comparisons, leaks, the paper's numbers and every run as JSON too"
    parser.add_argument("--json", type=Path, metavar="FILE", help=about, **given)


def _add_collect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUNS", help="folders of runs, or runs")
    parser.add_argument("--to", type=Path, metavar="FILE", help="the file of results (default: that of checkpoints/)")
    about = (
        "measure too how long one answer takes on one core of this machine, which must be quiet: one run of those that "
        "answer alike, all in turns, so that what is measured together can be compared"
    )
    parser.add_argument("--latency", action="store_true", help=about)
    about = "measure too what share of the selected words are stop words, on dev, of each run on texts that selects"
    parser.add_argument("--habits", action="store_true", help=about)
    parser.add_argument("--device", help="for --habits: cuda, mps or cpu (default: cpu)")
    parser.set_defaults(run=_collect)


def _show(arguments: argparse.Namespace) -> int:
    from rekd.results.record import read_results, results_file

    if arguments.json:
        check_writable("--json", arguments.json)
    path = arguments.source or results_file()
    if arguments.source and not path.is_file():
        what = "a folder" if path.is_dir() else "and there is no such file"
        raise ValueError(f"--from is {path}, {what}; name a file that `python -m rekd results collect` has made")
    results = read_results(path)
    if not results:
        print(
            f"No results are there yet: {path} {'holds none' if path.is_file() else 'does not exist'}. Make them by "
            "`python -m rekd results run headline`, or of runs that are done by `python -m rekd results collect RUNS`."
        )
        return 0
    _tell(results, arguments)
    return 0


def _tell(results: Sequence[Result], arguments: argparse.Namespace) -> None:
    from rekd.results.comparisons import comparisons, leaky_shares
    from rekd.results.published import published
    from rekd.results.summary import aggregates
    from rekd.results.told import told

    every = aggregates(results)
    rows = [row for row in every if _wanted(row, arguments)]
    if not rows:
        raise ValueError(_no_row(every, arguments.task, arguments.part))
    pairs = [each for each in comparisons(every) if _wanted(each, arguments)]
    shown = [result for row in rows for result in row.results]
    shares = leaky_shares(shown, among=results)
    tasks = dict.fromkeys(row.task for row in rows)
    print("\n".join(told(rows, pairs, shares, tasks)).strip("\n"))
    if arguments.json:
        told_apart = {"rows": rows, "comparisons": pairs, "leaks": shares, "results": shown}
        told_apart["published"] = [each for task in tasks for each in published(task)]
        write_json(arguments.json, {name: [each.to_dict() for each in them] for name, them in told_apart.items()})


def _no_row(every: Sequence[Aggregate], task: str | None, part: str | None) -> str:
    """Why no row is of a task and part, and where there are some; every part but own has rows."""
    parts = dict.fromkeys(row.part for row in every if row.task == task)
    known = dict.fromkeys(row.task for row in every if part in (None, row.part))
    if parts:
        return f"no row of task {task} is in part {part}; those of that task are in {', '.join(parts)}"
    if not known:
        return "no own run is among these results; `python -m rekd results collect RUNS` adds what yours measured"
    return f"no row is of task {task!r}; tasks of {f'part {part}' if part else 'the results'} are {', '.join(known)}"


def _wanted(each, arguments: argparse.Namespace) -> bool:
    """Whether a row or comparison is of the task and part asked for."""
    return arguments.task in (None, each.task) and arguments.part in (None, each.part)


def _collect(arguments: argparse.Namespace) -> int:
    refuse_tables(arguments)
    from rekd.results.collect import collect, merged
    from rekd.results.record import read_results, results_file, write_results

    path = arguments.to or results_file()
    check_writable("--to", path)
    old = read_results(path)
    found, measure = [], _measuring(arguments)

    def noted(run: Path, result: Result) -> Result:
        found.append((run, measure(run, result)))
        return found[-1][1]

    new = collect(arguments.runs, print, noted)
    if arguments.latency:
        new = _with_latency(found)
    if not new:
        print(f"No result was read from these folders, so nothing is written to {path}.", file=sys.stderr)
        return NOTHING
    kept = merged(old, new)
    write_results(path, kept)
    own = sum(not result.row for result in new)
    held, read = f"{len(kept)} result{'s' * (len(kept) != 1)}", f"{len(new)} {'was' if len(new) == 1 else 'were'}"
    print(f"{path} holds {held}; {read} read from these folders, {own} of them of own runs.")
    return 0


def _measuring(arguments: argparse.Namespace) -> Callable[[Path, Result], Result]:
    """What adds to a run's result that which was asked for."""
    from rekd.training.report import check_device

    device = check_device(arguments.device or "cpu")

    def measure(run: Path, result: Result) -> Result:
        from rekd.training.habits import measured_habits

        return replace(result, habits={**result.habits, **measured_habits(run / "checkpoint", device)})

    return measure if arguments.habits else lambda run, result: result


def _with_latency(found: Sequence[tuple[Path, Result]]) -> list[Result]:
    """Results with how long an answer takes, measured of one run of each way of answering: see `way_of`."""
    from rekd.cli.latency import latencies, way_of

    ways, one = [way_of(run / "checkpoint") for run, _ in found], {}
    for way, (run, _) in zip(ways, found, strict=True):
        one.setdefault(way, run / "checkpoint")
    taken = latencies(one)
    return [replace(result, cpu_ms=taken[way]) for way, (_, result) in zip(ways, found, strict=True)]
