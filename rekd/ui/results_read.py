"""What the page Results reads: the file of measured runs, and a person's own runs; each read again when it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rekd.results.record import Result, read_results, results_file
from rekd.training.status import read_status
from rekd.ui.cache import infos, kept

Stamp = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """results: of the file. own: of a person's runs, without those whose weights are among the results. box: of the
    checkpoints that Explore lists, without those of either.

    folders: hash of the weights -> folder of the own run that holds them. notes: sentences on what can't be read.
    waiting: own runs without a checkpoint yet. key: changes when any of it does.
    """

    results: tuple[Result, ...]
    own: tuple[Result, ...]
    folders: Mapping[str, Path]
    notes: tuple[str, ...] = ()
    waiting: int = 0
    key: str = ""
    box: tuple[Result, ...] = ()

    @property
    def every(self) -> tuple[Result, ...]:
        return self.results + self.own + self.box


def read(home: Path) -> Found:
    """Everything that can be shown. home: the folder of own runs."""
    notes, path = [], results_file()
    try:
        results = _results(path, _stamp(path))
    except ValueError as fault:
        results = ()
        notes.append(str(fault))
    mine, waiting = {}, 0
    for folder in sorted(config.parent for config in home.glob("*/config.json")):
        status = read_status(folder)
        if status and status.state != "done":
            waiting += 1
        if (status and status.state != "done") or not (folder / "checkpoint" / "config.json").is_file():
            continue
        try:
            mine[folder] = _own(folder, _stamp_of(folder))
        except (ValueError, OSError) as fault:
            notes.append(f"{folder.name} is left out: {fault}")
    known = {result.hash for result in results}
    own = tuple(result for result in mine.values() if result.hash not in known)
    folders = {result.hash: folder for folder, result in mine.items()}
    box = tuple(result for result in in_box() if result.hash not in known | folders.keys())
    stamps = [(folder, _stamp_of(folder)) for folder in mine]
    key = repr((path, _stamp(path), stamps, [result.hash for result in box]))
    return Found(results, own, folders, tuple(notes), waiting, key, box)


def measured_as(hash_: str) -> str:
    """The name of the measured run whose weights a model has, by their hash; "" where the file of results has none."""
    path = results_file()
    try:
        return next((result.name for result in _results(path, _stamp(path)) if hash_ and result.hash == hash_), "")
    except ValueError:  # the page Results says what is wrong with it
        return ""


def in_box() -> list[Result]:
    """What the checkpoints say of themselves that Explore lists: the shipped ones, and those that a person promoted."""
    from rekd.results.collect import result_in_box

    found = map(result_in_box, infos())
    return [result for result in found if result is not None and result.report]


@kept(4)
def _results(path: Path, stamp: Stamp) -> tuple[Result, ...]:
    return tuple(read_results(path))


@kept(500)
def _own(folder: Path, stamp: Stamp) -> Result:
    from rekd.results.collect import result_of

    return result_of(folder)


def _stamp(*paths: Path) -> Stamp:
    """What tells files from later ones of the same names; 0 of those that are not there."""
    out: list[int] = []
    for path in paths:
        try:
            found = path.stat()
            out += [found.st_mtime_ns, found.st_size]
        except OSError:
            out += [0, 0]
    return tuple(out)


def _stamp_of(folder: Path) -> Stamp:
    """The stamp of a run: of its checkpoint, and of all that is said of it, an evaluation on test among it."""
    return _stamp(folder / "checkpoint" / "config.json", *sorted(folder.glob("*.json")))
