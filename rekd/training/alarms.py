"""What is going wrong in a run, told from its configuration, its metrics and how it stands; torch is not used.

An alarm is of the latest evaluation: when what it says is over, it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rekd.config import TrainConfig
from rekd.training.rules import BEGUN, RULES, Alarm, Line, Seen, halve
from rekd.training.status import Status

__all__ = ["NOT_FINITE", "Alarm", "alarms"]

NOT_FINITE = "is no finite number"
"""Stands in the message of a run that halted for it."""


def alarms(config: TrainConfig, lines: Sequence[Line], status: Status) -> list[Alarm]:
    """What goes wrong at the latest evaluation, the grave first.

    Args:
        config: resolved, as a run's folder holds it. lines: of metrics.jsonl, all of them in order.
    """
    seen = _seen(config, lines)
    found = [_not_finite(config, seen, status)]
    if seen.since(BEGUN):
        found += [rule(seen, seen.evaluations[-1]) for rule in RULES]
    return sorted((alarm for alarm in found if alarm is not None), key=lambda alarm: not alarm.grave)


def _seen(config: TrainConfig, lines: Sequence[Line]) -> Seen:
    evaluations, rates, drawn = [], [], []
    for line in lines:
        drawn += [line["r"]] if "r" in line else []
        if "dev_accuracy" in line:
            evaluations.append(line)
            rates.append(sum(drawn) / len(drawn) if drawn else None)
            drawn = []
    return Seen(config, tuple(evaluations), tuple(rates))


def _not_finite(config: TrainConfig, seen: Seen, status: Status) -> Alarm | None:
    if status.state != "failed" or NOT_FINITE not in status.message:
        return None
    # A stop saves a state too, and leaves no mark among the lines: which step was saved last can't be told from them.
    none = "No state was saved yet, unless the run was stopped before."
    kept = "The state that was saved last stands." if seen.evaluations else none
    what = status.message.split(NOT_FINITE)[0].strip()
    says = f"{what} {NOT_FINITE} at step {status.step:,}, so the run halted before it was saved. {kept}"
    do = f"{halve(config)} Resumed as it is, the run would come to the same step again."
    return Alarm("not-finite", "The numbers broke down", says, do, status.step, True)
