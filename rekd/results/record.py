"""What is kept of a run once it is measured, and the one small file that holds such records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rekd.config import TrainConfig, known
from rekd.files import replaced_file

FORMAT = 1
"""Raised when an older file can no longer be read."""
NAME = "results.parquet"
"""The file's name, beside the shipped checkpoints."""
_ALWAYS = ("task", "kind", "seed", "teacher", "rate")
"""Fields of a configuration that a result is asked for."""


@dataclass(frozen=True)
class Result:
    """One run and what it measured; all of plain values.

    row: of the protocol, "" of an own run. name: of the run's folder. config: the run's configuration, resolved.
    hash, teacher_hash: of the weights, "" without. parameters: of all towers. bytes: of the stored weights, without
    the word table that all text models share. report: what `rekd.training.evaluate.evaluate` says of the whole test
    split, {} of a run that was not measured on it. curve: (step, dev accuracy under top-k, mean P(select) on dev, None
    of kinds that do not select) of every evaluation. best_step: the step whose weights these are. seconds: of training.
    device, versions: where and with what. cpu_ms: milliseconds of one answer on a processor, None where it was not
    measured. habits: of selected units, what share is of which sort, beside the share of all units ("selected_<sort>",
    "all_<sort>": punctuation and stop words, or border), gate certainty, and the swap on dev ("dev_swap").
    """

    row: str
    name: str
    config: Mapping[str, Any]
    hash: str = ""
    teacher_hash: str = ""
    parameters: int = 0
    bytes: int = 0
    report: Mapping[str, Any] = field(default_factory=dict)
    curve: tuple[tuple[int, float, float | None], ...] = ()
    best_step: int = 0
    seconds: float = 0.0
    device: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    cpu_ms: float | None = None
    habits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "curve", tuple(tuple(point) for point in self.curve))

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def task(self) -> str:
        return self.config["task"]

    @property
    def kind(self) -> str:
        """cls, kd (a cls that learned from a teacher's predictions too), random, re or rekd."""
        return "kd" if self.config["kind"] == "cls" and self.config["teacher"] else self.config["kind"]

    @property
    def nominal_rate(self) -> float:
        """Share p of the units that was asked for; 1 of kinds that read the whole input."""
        return 1.0 if self.kind in ("cls", "kd") else self.config["rate"]

    def accuracy(self, rule: str = "top-k") -> float | None:
        """On the test split: under a mask rule; of cls and kd from the whole input, of random from random masks."""
        if "rules" in self.report:
            return self.report["rules"][rule]["accuracy"]
        name = "random" if self.kind == "random" else "whole_input"
        return self.report.get(name, {}).get("accuracy")

    def rate(self, rule: str = "top-k") -> float | None:
        """Realised on the test split under a rule, of an input's units, before empty masks are repaired."""
        if "rules" in self.report:
            return self.report["rules"][rule]["rate"]
        drawn = self.report.get("random", {}).get("rate") if self.kind == "random" else None
        return (drawn or self.nominal_rate) if self.report else None

    @property
    def honest(self) -> bool | None:
        """Whether masks keep the bound of the leak that decides; None where there are no masks, or none measured."""
        return self.report.get("leaks", {}).get("honest")

    def training(self) -> TrainConfig:
        return TrainConfig.from_dict(self.config)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """Raises ValueError where what every run's configuration has is lacking."""
        result = cls(**known(cls, values))
        if lacking := [name for name in _ALWAYS if name not in result.config]:
            raise ValueError(f"the configuration of {result.name} lacks {', '.join(lacking)}")
        return result


_FLAT = ("row", "task", "kind", "seed", "hash")
"""Columns that stand beside the whole record, for whoever opens the file with other tools."""


def write_results(path: Path, results: Sequence[Result]) -> None:
    """The records as Parquet, in place of what was there: by row and seed, so that equal records make equal files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(results, key=lambda result: (result.row, result.seed, result.name))
    columns: dict[str, list] = {name: [getattr(result, name) for result in ordered] for name in _FLAT}
    columns["record"] = [json.dumps(result.to_dict(), sort_keys=True) for result in ordered]
    table = pa.table(columns).replace_schema_metadata({"format": str(FORMAT)})
    with replaced_file(path) as temp:
        pq.write_table(table, temp, compression="zstd", compression_level=19)


def results_file() -> Path:
    """The file of results that comes with the project; there may be none yet."""
    from rekd.checkpoints import shipped

    return shipped() / NAME


def read_results(path: Path) -> list[Result]:
    """The records of a file; none where there is no file.

    Raises:
        ValueError: it is no such file, or one of a later version.
    """
    if not path.is_file():
        return []
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        told = (table.schema.metadata or {}).get(b"format", b"").decode()
        if told != str(FORMAT):
            raise ValueError(f"it is of format {told or 'none'}, and this version reads {FORMAT}")
        return [Result.from_dict(json.loads(text)) for text in table.column("record").to_pylist()]
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no results that can be read: {str(error).rstrip('.')}. Restore it from the repository, or "
            "move it away and make it again: python -m rekd results collect RUNS"
        ) from error
