"""The runs that rows of the protocol ask for, with those that they learn from, in an order in which all can be run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rekd.config import TrainConfig
from rekd.data.spec import TASKS
from rekd.results.protocol import rows
from rekd.results.row import FIRST, PARTS, Row
from rekd.training.runs import EVALUATION, read_config, read_run
from rekd.training.status import read_status


@dataclass(frozen=True, eq=False)
class Item:
    """One run of a row, in a folder of its name below `root`."""

    row: Row
    seed: int
    root: Path

    @property
    def name(self) -> str:
        return f"{self.row.name}-seed-{self.seed}"

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def trained(self) -> bool:
        """Whether its checkpoint stands, of the settings that its row has now; see `changed`."""
        status = read_status(self.folder)
        ended = bool(status and status.state == "done") and (self.folder / "checkpoint" / "README.md").is_file()
        return ended and not self.changed

    @property
    def changed(self) -> bool:
        """Whether its folder holds a run of other settings, as of a row of an earlier version."""
        try:
            return not self.row.made(read_config(self.folder))
        except (OSError, ValueError):  # no run, or none that can be read, which training tells of
            return False

    @property
    def done(self) -> bool:
        """Whether it is trained and, where its row is to be, was measured on the test split."""
        return self.trained and (not self.row.on_test or (self.folder / EVALUATION).is_file())

    def sources(self) -> dict[str, Item]:
        """Field of the configuration -> the run whose checkpoint it names."""
        return {field: self._of(*which) for field, which in self.row.learns.items()}

    def needs(self) -> list[Item]:
        """Runs that must be trained before this one can begin."""
        half = [self._of(self.row.half_way, self.seed)] if self.row.half_way else []
        return [*self.sources().values(), *half]

    def config(self, engine: str = "auto") -> TrainConfig:
        """The configuration, once all that it needs is trained.

        Args:
            engine: how steps are made; a run that has begun keeps its own.
        """
        from rekd.training.setup import resolve

        with suppress(OSError, ValueError):  # no run, or none that can be read, which training tells of
            engine = read_config(self.folder).engine
        paths = {field: str(item.folder.absolute() / "checkpoint") for field, item in self.sources().items()}
        return replace(resolve(self.row.config(self.seed, paths, self._stop_at())), engine=engine)

    def _of(self, name: str, which: str | int) -> Item:
        row = next(each for each in rows() if each.name == name)
        seed = row.seeds[0] if which == FIRST else self.seed
        return Item(row, seed, self.root)

    def _stop_at(self) -> float:
        """Half-way between chance and the best dev accuracy of the run that was trained to its end."""
        if not self.row.half_way:
            return 0.0
        best = read_run(self._of(self.row.half_way, self.seed).folder).best["dev_accuracy"]
        return round((1 / len(TASKS[self.row.task].classes) + best) / 2, 4)


def items(chosen: Sequence[Row], root: Path, seeds: Sequence[int] = ()) -> list[Item]:
    """The runs of rows, each after those that it needs.

    Args:
        seeds: these alone, of the rows that are chosen; none for all.

    Raises:
        ValueError: no row has one of the seeds.
    """
    known = {seed for row in chosen for seed in row.seeds}
    if unknown := [seed for seed in seeds if seed not in known]:
        raise ValueError(
            f"No row chosen has the seed {unknown[0]}; the seeds are {', '.join(map(str, sorted(known)))}. A run of "
            "another seed is one of your own: python -m rekd train"
        )
    found: dict[str, Item] = {}
    for row in chosen:
        for seed in row.seeds:
            if not seeds or seed in seeds:
                for item in _with_needs(Item(row, seed, root)):
                    found.setdefault(item.name, item)
    return list(found.values())


def most_waited_for(todo: Sequence[Item], needs: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Runs part by part of the protocol, and in a part by how many others wait for each; equal ones in their order.

    A run that others wait for is of the first part of theirs. Several at once come to an end sooner that way: nobody
    stands idle while one last teacher trains.

    Args:
        needs: name of a run -> what it waits for itself.
    """
    order, first, waiting = {part: number for number, part in enumerate(PARTS)}, {}, Counter()
    for item in todo:
        part, behind, seen = order[item.row.part], [*needs[item.name]], set()
        while behind:
            name = behind.pop().name
            if name not in seen:
                seen.add(name)
                behind += needs.get(name, ())
        waiting.update(seen)
        first |= {name: min(part, first.get(name, part)) for name in seen}
    return sorted(todo, key=lambda item: (first.get(item.name, order[item.row.part]), -waiting[item.name]))


def _with_needs(item: Item) -> Iterator[Item]:
    """A run after all that must be trained for it; one that is trained itself needs nothing more."""
    for need in () if item.trained else item.needs():
        yield from _with_needs(need)
    yield item
