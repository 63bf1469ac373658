"""The learning rates that were tried for each kind of one student, and what came of them on dev: a chart and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
import streamlit as st

from rekd.results.row import KINDS
from rekd.results.summary import figures
from rekd.results.tried import Trial, at_the_end, best, by_kind, trials
from rekd.ui.components import TOOLS
from rekd.ui.curves import Line, Panel, chart, escaped
from rekd.ui.results_charts import SIGNS
from rekd.ui.results_groups import Group

ABOUT = (
    "Before the rows above had a learning rate, kinds were trained at several, on seeds that no other row has, and "
    "read on dev alone. The protocol has the same ones for CLS, with and without a teacher, RE and REKD. A dot is a "
    "seed, a line their mean, a diamond the rate of the kind's own row. A crossed seed is leaky, and in no mean."
)

LEAST = 0.01
"""Values that are no further apart than that have as much room above and below."""


def tried(group: Group, name: str) -> None:
    """Draw the section of one student; nothing where no such run is there. name: of the student."""
    held = trials(group.rows)
    if not held:
        return
    st.subheader("Learning rates that were tried", anchor=False)
    st.caption(ABOUT)
    said = in_words(held)
    alt = f"Dev accuracy by learning rate of {name}. {said}"
    st.plotly_chart(by_rate(name, held), key="r_tried", config=TOOLS, alt=alt)
    st.caption(said)


def by_rate(student: str, held: Sequence[Trial]) -> go.Figure:
    """Dev accuracy against the learning rate, a colour and dash a kind. Pure."""
    rates = sorted({trial.rate for trial in held})
    lines = [line for kind, them in by_kind(held).items() for line in _lines(kind, them, rates)]
    figure = chart(
        f"results-tried-{student}",
        "Dev accuracy by learning rate",
        [Panel("dev accuracy", lines, ticks=".3~f", share=1.6)],
        x_title="learning rate",
        x_ticks="~g",
        subtitle=f"{escaped(student)}, masks under top-k at p.",
    )
    figure.update_xaxes(type="log", tickvals=rates, ticktext=[figures(rate) for rate in rates])
    figure.layout.hovermode = "closest"
    read = [run.accuracy for trial in held for run in trial.runs]
    if max(read) - min(read) < LEAST:  # of one value plotly takes half of it on both sides
        figure.layout.yaxis.range = [min(read) - LEAST, max(read) + LEAST]
    return figure


def _lines(kind: str, held: Sequence[Trial], every: Sequence[float]) -> Iterator[Line]:
    """Of one kind; its line has a gap where it lacks one of `every` rate."""
    sign, name = SIGNS[kind], KINDS[kind]
    told = f"{name}: %{{y:.3f}} at %{{x:~g}}"
    look = {"colour": sign.colour, "group": kind}
    found = {trial.rate: trial.dev.mean for trial in held}
    means = [found.get(rate) for rate in every]
    yield Line(name, every, means, dash=sign.dash, told=f"{told}<extra>mean</extra>", **look)
    marks = {"mode": "markers", "legend": False, **look}
    for leaky, what, symbol in ((False, "seed", "circle"), (True, "leaky seed", "circle-x-open")):
        runs = [(trial.rate, run) for trial in held for run in trial.runs if run.leaky == leaky]
        for seed in sorted({run.seed for _, run in runs}):
            at = zip(*((rate, run.accuracy) for rate, run in runs if run.seed == seed), strict=True)
            name = f"{what} {seed}"
            yield Line(name, *at, symbol=symbol, told=f"{told}<extra>{name}</extra>", opacity=0.75, **marks)
    if taken := [trial for trial in held if trial.taken and trial.dev.n]:
        at = [trial.rate for trial in taken], [trial.dev.mean for trial in taken]
        yield Line("its own row's", *at, symbol="diamond", told="", **marks)


def in_words(held: Sequence[Trial]) -> str:
    """The best of each kind, in sentences. Pure."""
    return " ".join(_told(kind, them) for kind, them in by_kind(held).items())


def _told(kind: str, held: Sequence[Trial]) -> str:
    found, leaky = best(held), sum(trial.leaky for trial in held)
    runs = f"{leaky} of {sum(len(trial.runs) for trial in held)} runs"
    if found is None:
        return f"{KINDS[kind]}: no honest run ({runs} leaky)."
    seeds = f"{found.dev.n} seed{'' if found.dev.n == 1 else 's'}"
    said = f"{KINDS[kind]}: best {found.dev.mean:.4f} at {figures(found.rate)} ({seeds})"
    if len(held) > 1:
        said += f", of {figures(held[0].rate)} to {figures(held[-1].rate)}"
        said += "; that is the end of what was tried, and further on it may be better" if at_the_end(held) else ""
    taken = next((trial for trial in held if trial.taken and trial.dev.n and trial is not found), None)
    said += f"; its own row has {figures(taken.rate)}, {taken.dev.mean:.4f} here" if taken else ""
    own = held[0].own
    if own is not None and not any(trial.taken for trial in held):
        said += f"; its own row has {figures(own)}, which has no run here"
    return f"{said}; {runs} leaky." if leaky else f"{said}."
