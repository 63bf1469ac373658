"""Runs as lines of text: one each in a list, or all that is known of one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rekd.training.about import ROLES, read_about, role_of
from rekd.training.runs import Run, all_runs
from rekd.training.status import Status


def listing(root: Path) -> list[str]:
    """A line a run."""
    found, faults = all_runs(root)
    if not found and not faults:
        return [f"No run is in {root}. Start one: python -m rekd train --recipe digits-re"]
    width = max((len(run.folder.name) for run in found), default=0)
    return [_line(run, width) for run in found] + faults


def _line(run: Run, width: int) -> str:
    status, best = run.status, run.best
    reached = f"{status.step:,} of {status.steps:,} steps"
    accuracy = f"best dev accuracy {best['dev_accuracy']:.3f}" if best else "not evaluated yet"
    role = ROLES[role_of(run.folder, run.config)]
    name = read_about(run.folder).name
    said = f"{run.folder.name:<{width}}  {role:<12}  {status.state:<8}  {reached:>22}  {accuracy:<23}  {name}"
    return said.rstrip()


def describe(run: Run) -> list[str]:
    """What is known of a run, and what can be done with it."""
    config, status, best = run.config, run.status, run.best
    out = [name] if (name := read_about(run.folder).name) else []
    out += [
        f"{run.folder}: {_described(run)} on {config.task}, seed {config.seed}",
        f"{status.state}: {_reached(status)}",
    ]
    if best:
        out.append(f"best dev accuracy {best['dev_accuracy']:.4f} at step {best['step']:,}")
    if run.metrics:
        out.append("last line: " + ", ".join(f"{name} {_number(value)}" for name, value in run.metrics[-1].items()))
    if status.state == "done":
        out.append(f"checkpoint: {run.folder / 'checkpoint'}")
    elif status.state in ("stopped", "failed"):
        out.append(f"go on with it: python -m rekd train --resume {run.folder}")
    return out


def _described(run: Run) -> str:
    """Role and kind, such as "Teacher (re)"."""
    role = role_of(run.folder, run.config)
    return run.config.kind if role == run.config.kind else f"{ROLES[role]} ({run.config.kind})"


def _reached(status: Status) -> str:
    seen = f", last sign of life {time.time() - status.heartbeat:.0f} s ago" if status.state == "running" else ""
    said = f". {status.message}" if status.message else ""
    return f"{status.step:,} of {status.steps:,} steps{seen}{said}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
