"""One student's runs as the marks of the frontier. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rekd.results.record import Result
from rekd.results.row import KINDS
from rekd.results.summary import OWN, Aggregate
from rekd.ui.components import number
from rekd.ui.results_charts import Mean, Point
from rekd.ui.results_groups import BOX, Group, run_key, run_title

SELECTING, WHOLE = ("re", "rekd"), ("cls", "kd")
"""Kinds that select, and kinds that read the whole input."""


def at_rates(group: Group) -> list[Aggregate]:
    """The rows that the frontier compares: each kind, at the task's own rate and at others.

    What is in the box is of another training, and is among them only where the protocol has no run.
    """
    rows = [row for row in group.rows if row.part != "choices" and (not row.setting or row.part == "rates")]
    ran = any(row.row and row.results for row in rows)
    return [row for row in rows if not ran or row.part != BOX]


def points(group: Group, rule: str) -> list[Point]:
    """Every run that was read on test under a mask; kinds that read the whole input have no rate."""
    runs = ((row, result) for row in at_rates(group) if row.kind not in WHOLE for result in row.results)
    return [_point(row, result, rule) for row, result in runs if result.report]


def _point(row: Aggregate, result: Result, rule: str) -> Point:
    accuracy, rate = result.accuracy(rule), result.rate(rule)
    told = f"{run_title(row, result)}: accuracy {accuracy:.3f} at {100 * rate:.1f} %"
    return Point(run_key(result), row.kind, rate, accuracy, told, result.honest is False, row.part == OWN)


def means(group: Group, rule: str) -> list[Mean]:
    """A mean a row of the protocol, over its honest runs; of the box what reads the whole input, which is no point."""
    shown = (row for row in at_rates(group) if row.row or (row.part == BOX and row.kind in WHOLE))
    return [mean for row in shown for mean in _mean(row, rule)]


def _mean(row: Aggregate, rule: str) -> Iterator[Mean]:
    under = f" {rule}" if row.kind in SELECTING else ""
    accuracy, rate = row.of(f"accuracy{under}"), row.of(f"rate{under}")
    if accuracy.mean is None:
        return
    whole = row.kind in WHOLE
    at = "reading all" if whole else f"at {100 * rate.mean:.1f} %"
    spread = f" ± {number(accuracy.sd)}" if accuracy.sd is not None else ""
    seeds = f"{accuracy.n} seed{'' if accuracy.n == 1 else 's'}"
    told = f"{KINDS[row.kind]} {number(accuracy.mean)}{spread} {at} ({seeds})"
    yield Mean(row.kind, None if whole else rate.mean, accuracy.mean, accuracy.sd, told)
