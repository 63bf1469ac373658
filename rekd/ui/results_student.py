"""The charts of one student: accuracy against realised rate, whose points open, and the learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rekd.results.summary import RULES
from rekd.ui import results_charts, results_points
from rekd.ui import results_state as state
from rekd.ui.components import TOOLS, plain
from rekd.ui.results_groups import Group, measured, run_title, runs_of
from rekd.ui.results_run import details
from rekd.ui.results_tried import tried

if TYPE_CHECKING:
    from rekd.ui.results_view import Drawing

CHART, CLICKED = "r_frontier", "r_clicked"
NO_RUN = "Choose a run, or click a point"


def student(page: Drawing) -> None:
    """Draw the charts of the chosen student; this part is redrawn alone when something in it is used."""
    chosen = state.shown()
    groups = {group.key: group for group in measured(page.groups, chosen)}
    if not groups:
        return
    st.subheader("Accuracy against the share that is read", anchor=state.FRONTIER)
    names = {key: f"{page.titles[group.task]} · {group.size}" for key, group in groups.items()}
    key = chosen.student if chosen.student in groups else next(iter(groups))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        widget = state.widget("student", key, run="")
        st.selectbox("Charts of", list(groups), format_func=names.get, width=360, **widget)
        rules = ("top-k", *(rule for rule in RULES if rule != "top-k"))
        widget = state.widget("rule", chosen.rule)
        st.segmented_control("Mask rule", rules, help=RULE_HELP, required=True, **widget)
    group = groups[key]
    _frontier(group, names[key], chosen.rule, chosen.run)
    _run(page, group, chosen.run)
    _curves(group, names[key])
    tried(group, names[key])


RULE_HELP = (
    "top-k: the same number of units for every model, what all comparisons use. calibrated: one cut a model, set on "
    "dev. threshold: P(select) above one half. sampled: the mean of ten drawn masks."
)


def _frontier(group: Group, name: str, rule: str, run: str) -> None:
    points, means = results_points.points(group, rule), results_points.means(group, rule)
    if not points and not means:
        st.caption("None of these runs has been read on the test split yet.")
        return
    figure = results_charts.frontier(name, points, means, rule, run)
    said = results_charts.in_words(points, means)
    select = {"on_select": _picked, "selection_mode": "points"}
    st.plotly_chart(figure, key=CHART, config=TOOLS, alt=f"Accuracy against realised rate. {said}", **select)
    apart = " Random masks have a scale of their own." if any(each.kind == "random" for each in points) else ""
    st.caption(f"{said}{apart} A click on a point opens the run; one on a name below the chart hides what it names.")


def _picked() -> None:
    """What a click on a point does; one beside all points leaves the run that is looked at."""
    points = st.session_state[CHART]["selection"]["points"]
    if keys := [point["customdata"][0] for point in points if point.get("customdata")]:
        state.change(run=keys[0])
        st.session_state[CLICKED] = True


def _run(page: Drawing, group: Group, run: str) -> None:
    """The same by keyboard, and the run that is looked at."""
    held = runs_of(group.rows)
    options = ["", *held]
    names = {"": NO_RUN} | {key: run_title(*pair) for key, pair in held.items()}
    widget = state.widget("run", run if run in held else "")
    st.selectbox("A run", options, format_func=names.get, width=480, **widget)
    if st.session_state.pop(CLICKED, False) and run in held:  # on most screens its card is out of sight
        st.toast(f"Open below the chart: {plain(names[run])}", icon=":material/arrow_downward:")
    if run in held:
        details(*held[run], page.titles[group.task], page.found, page.home)


def _curves(group: Group, name: str) -> None:
    results = [result for row in group.kinds for result in row.results if result.curve]
    if not results:
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in results_charts.by_kind(results).items())
    alt = f"Dev accuracy by step of {name}: {counts} runs, a line each."
    st.plotly_chart(results_charts.learning_curves(name, results), key="r_curves", config=TOOLS, alt=alt)
