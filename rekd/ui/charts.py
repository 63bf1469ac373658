"""The charts of one run: the lines of its metrics in, Plotly figures out, and one sentence that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from rekd.config import KINDS, TrainConfig
from rekd.ui.curves import NEUTRAL, STUDENT, TEACHER, Line, Panel, chart, series

Lines = Sequence[Mapping[str, Any]]

TERMS = {
    "total": ("total", NEUTRAL, "solid"),
    "task": ("task", STUDENT, "solid"),
    "rate": ("rate", STUDENT, "dot"),
    "rationale": ("rationale, from the teacher", TEACHER, "solid"),
    "prediction": ("prediction, from the teacher", TEACHER, "dash"),
}
"""Each term's name, colour and dash: orange for what the student learns by itself, blue for what the teacher gives."""
RATE_BAND = 0.1
"""Half the width of the band round the target rate, as a share of it."""
SELECTING = ("re", "rekd")
WAITING = "Nothing is logged yet."


def mask_rule(config: TrainConfig) -> str:
    """What the dev accuracy of a run's metrics is measured on, in words."""
    if config.kind not in SELECTING:
        return {"cls": "whole input", "random": "random masks"}[config.kind]
    return "one drawn mask each" if config.noise_at_test else "top-k masks"


def losses(lines: Lines, config: TrainConfig) -> go.Figure:
    """Each term of the loss as logged, unweighted; how they are weighed stands below the title.

    The rate term has a panel of its own: it may be negative, and its scale is another.
    """
    names = [
        name for name in ("total", "task", "rationale", "prediction") if name != "total" or config.kind in SELECTING
    ]
    above = [_term(lines, name) for name in names if name in ("total", "task") or config.kind == "rekd"]
    panels = [Panel("loss", above, log=None)]
    if config.kind in SELECTING:
        panels.append(Panel("rate term", [_term(lines, "rate")], share=0.6))
    return chart("losses", "Loss, term by term", panels, subtitle=weights(config), empty=WAITING)


def _term(lines: Lines, name: str, key: str = "{}") -> Line:
    title, colour, dash = TERMS[name]
    return Line(title, *series(lines, key.format(name)), colour, dash, told="%{y:.4~g}")


def weights(config: TrainConfig) -> str:
    """How the terms add up in this run, as a formula; "" where there is one term alone."""
    if config.kind not in SELECTING:
        return ""
    if config.kind == "re":
        return "total = task + rate"
    falling = "min(1, tau) " if config.temper_rationale else ""
    parts = {"rationale": f"{config.lambda_r:g} {falling}rationale", "prediction": "prediction"}
    taught = " + ".join(parts.values()) if config.parts == "both" else parts[config.parts]
    return f"total = {config.alpha:g} (task + rate)<br>+ {1 - config.alpha:g} ({taught})"


def accuracy_and_rate(lines: Lines, config: TrainConfig) -> go.Figure:
    """Accuracy on training batches and on dev, the best marked; below, the share selected against its target."""
    steps, values = series(lines, "dev_accuracy")
    own = "whole input" if config.kind == "cls" else "drawn masks"
    accuracy = [
        Line(f"training batches, {own}", *series(lines, "accuracy"), NEUTRAL, "dot", width=1.5),
        Line(f"dev, {mask_rule(config)}", steps, values, STUDENT, mode="lines+markers"),
    ]
    if best := _best(lines):
        name = f"best on dev: {best[1]:.3f} at step {best[0]:,}"
        accuracy.append(Line(name, [best[0]], [best[1]], STUDENT, mode="markers", told="", symbol="star"))
    panels = [Panel("accuracy", accuracy, ticks=".2~f")]
    if config.kind in SELECTING:
        panels.append(_rate(lines, config))
    title = "Accuracy and share selected" if config.kind in SELECTING else "Accuracy"
    return chart("accuracy", title, panels, empty=WAITING)


def _rate(lines: Lines, config: TrainConfig) -> Panel:
    (steps, rates), target = series(lines, "r"), config.rate
    goal = [target] * len(steps)
    drawn = [
        Line("share selected, drawn masks", steps, rates, STUDENT, width=1.5, told="%{y:.1%}"),
        Line(f"target {100 * target:g} %, ± a tenth of it", steps, goal, NEUTRAL, "dash", told=""),
    ]
    band = (target * (1 - RATE_BAND), target * (1 + RATE_BAND)) if steps else None
    return Panel("share selected", drawn, ticks=".0%", band=band, share=0.75)


def _best(lines: Lines) -> tuple[int, float] | None:
    """The first step with the highest dev accuracy, and that."""
    found = [pair for pair in zip(*series(lines, "dev_accuracy"), strict=True) if pair[1] is not None]
    return max(found, key=lambda pair: pair[1], default=None)


def schedule(lines: Lines, config: TrainConfig) -> go.Figure:
    """What changes by plan: temperature, the weight alpha where there is a teacher, the learning rate."""
    kinds = {"tau": SELECTING, "alpha": ("rekd",), "learning_rate": KINDS}
    panels = [
        Panel(title, [Line(title, *series(lines, key), told="%{y:.3~g}", legend=False)], share=0.6, from_zero=True)
        for key, title in (("tau", "tau"), ("alpha", "alpha"), ("learning_rate", "learning rate"))
        if config.kind in kinds[key]
    ]
    return chart("schedule", "Temperature tau and other schedules", panels, empty=WAITING)


def gradients(lines: Lines, config: TrainConfig) -> go.Figure:
    """The norm of each weighted term's gradient, and of the whole before it is cut."""
    steps, norms = series(lines, "gradient_norm")
    drawn = [Line("all terms together", steps, norms, NEUTRAL, width=1.5, told="%{y:.3~g}")]
    terms = [_term(lines, name, "gradients.{}") for name in TERMS if name != "total"]
    drawn += [line for line in terms if line.x]
    drawn.append(Line(f"cut at {config.clip:g}", steps, [config.clip] * len(steps), NEUTRAL, "dash", told=""))
    panel = Panel("gradient norm", drawn, log=True)
    return chart("gradients", "Gradient norm, weighted terms", [panel], empty=WAITING)


def speed(lines: Lines) -> go.Figure:
    """Training examples a second."""
    panel = Panel("examples a second", [Line("speed", *series(lines, "examples_per_second"), told="%{y:,.0f}")])
    return chart("speed", "Speed", [panel], empty=WAITING)


def summary(lines: Lines, config: TrainConfig) -> str:
    """The charts in one sentence: where the run stands and its last values."""
    if not lines:
        return f"{WAITING} The first values come at step {config.log_every:,}."
    said = [f"total loss {total:.3g}" for total in _last(lines, "total")]
    said += [f"dev accuracy {value:.3f} on {mask_rule(config)}" for value in _last(lines, "dev_accuracy")]
    if best := _best(lines):
        said[-1] += f" (best {best[1]:.3f} at step {best[0]:,})"
    if config.kind in SELECTING:
        said += [f"{rate:.1%} selected for a target of {100 * config.rate:g} %" for rate in _last(lines, "r")]
    said += [f"{value:,.0f} examples a second" for value in _last(lines, "examples_per_second")]
    return f"Step {lines[-1]['step']:,} of {config.steps:,}: {', '.join(said)}."


def _last(lines: Lines, name: str) -> list[float]:
    """The last value under a name, in a list; none where there is none."""
    return [value for value in series(lines, name)[1] if value is not None][-1:]
