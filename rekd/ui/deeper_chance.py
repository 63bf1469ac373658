"""How much of a rationale is chance: many draws from each gate, the temperature, and what is predicted from them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import chance_words, components, state
from rekd.ui.chance_sample import Sample, samples
from rekd.ui.components import plain
from rekd.ui.frame import part

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

TAUS = (5.0, 4.0, 3.2, 2.5, 2.0, 1.6, 1.25, 1.0, 0.8, 0.63, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125, 0.1)
"""Ten steps a decade, as resistors and cameras have them, from the first temperature of training to its last."""
WORK, BEAT = 0.4, 0.7
"""Seconds that predictions are made for at a time, and between two starts: the slider is heard in between."""
PAUSE = 2.0
"""Seconds without predictions after the slider was moved: whoever drags it has the processor."""
SOFT = 0.05
"""A relaxed value this near to 0 or 1 counts as hard."""
QUIET = {"displayModeBar": False}


def section(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw gates, temperature and predictions; what takes long comes last and lets everything else be used."""
    held = samples(desk, drawing, found)
    if not held:
        st.info(
            "No model that is shown selects, so there is no chance to look at. Choose a teacher, an RE or a REKD under "
            "“Models compared”.",
            icon=":material/casino:",
        )
        return
    st.html(chance_words.STYLE)
    with st.container(key="chance"):
        _controls(desk)
        leads = _gates(held, desk.view.rule)
        part(_temperature, held)
        _go_on(held)
        part(_predictions, held, desk.view.rule, every=BEAT if _waiting(held) else None)
    for place, sample in zip(leads, held, strict=True):
        place.markdown(_lead(sample))


def _controls(desk: Desk) -> None:
    view = desk.view
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = "Masks that are drawn from each gate, and predicted from one by one."
        st.segmented_control("Draws", state.DRAWS, help=about, **state.widget("draws", view.draws))
        more = {"seed": (view.seed + 1) % (state.LARGEST + 1)}
        about = "Other noise, from the next seed: that of the whole page, so that methods that sample follow."
        pressed = {"on_click": state.change, "kwargs": more, "help": about}
        st.button("Draw others", icon=":material/casino:", key="c_others", **pressed)
    st.caption(
        f"{view.draws} masks drawn from seed {view.seed}, each unit with its own P(select); models with the same units "
        "meet the same noise, and draw 0 is the mask of the rule “sampled”. The warmer a unit, the more draws selected "
        f"it; marked is the mask under the rule “{view.rule}”. ± is one standard deviation."
    )


def _columns(held: Sequence[Sample]) -> Iterator[tuple[DeltaGenerator, Sample]]:
    columns = st.columns(max(2, len(held)))  # one model alone would spread its chart over the whole page
    return zip(columns, held, strict=False)


def _head(sample: Sample) -> str:
    return components.toned(sample.tone, components.head(sample.title, sample.info.name))


def _lead(sample: Sample) -> str:
    classes = sample.info.config.classes
    return chance_words.lead(sample.info.name, sample.item, sample.drawn, sample.votes(), classes)


def _gates(held: Sequence[Sample], rule: str) -> list[DeltaGenerator]:
    """One column a model: its sentence, whose place is given back, the draws on the input, its gate in numbers."""
    leads = []
    for column, sample in _columns(held):
        with column:
            st.html(_head(sample))
            leads.append(st.empty())
            leads[-1].markdown(_lead(sample))
            st.html(_drawn(sample, rule))
            _gate(sample)
    return leads


def _drawn(sample: Sample, rule: str) -> str:
    n, probs = len(sample.drawn), sample.item.scores
    label = f"{sample.title} ({sample.info.name}): share of {n} draws that selected each unit, with the mask of {rule}."
    tips = [f"drawn in {times} of {n}, P(select) {p:.3f}" for times, p in zip(sample.drawn.times, probs, strict=True)]
    shares = [times / n for times in sample.drawn.times]
    return _warm(sample, shares, sample.item.mask, tips, label)


def _warm(sample: Sample, values: Sequence[float], marked: Sequence[bool], tips: Sequence[str], label: str) -> str:
    return chance_words.warm(
        sample.reading, sample.example.text, sample.item.units, values, marked, tips, sample.tone, label
    )


def _gate(sample: Sample) -> None:
    from rekd.explanations.chance import gate
    from rekd.ui.chance_charts import gate_chart

    item, drawn = sample.item, sample.drawn
    made, n, key = gate(item.scores), len(drawn), f"c_gate_{sample.slot}"
    figure = gate_chart(key, sample.tone, item.scores, drawn.times, n, sample.names, sample.target)
    facts = chance_words.gate_facts(made, drawn, sample.info.config.rate, sample.target, sample.overlap)
    alt = f"P(select) of each unit and its share of {n} draws. " + ". ".join(f"{k}: {v}" for k, v in facts.items())
    st.plotly_chart(figure, key=key, config=QUIET, alt=alt)
    st.html(components.facts(facts))
    with st.popover("Unit by unit", icon=":material/table_rows:"):
        _table(sample)


def _table(sample: Sample) -> None:
    from rekd.explanations.chance import binomial

    n, probs = len(sample.drawn), sample.item.scores
    columns = {
        "unit": sample.names,
        "P(select)": probs,
        f"drawn, of {n}": sample.drawn.times,
        "expected": [n * p for p in probs],
        "± sd": [n * binomial(p, n) for p in probs],
    }
    numbers = {"P(select)": "%.3f", "expected": "%.1f", "± sd": "%.1f"}
    formats = {name: st.column_config.NumberColumn(format=form) for name, form in numbers.items()}
    st.dataframe(columns, hide_index=True, height=320, column_config=formats)


def nearest(tau: float) -> float:
    """The step of the slider that is nearest to a temperature, by ratio."""
    return min(TAUS, key=lambda step: abs(math.log(step / tau)))


def _temperature(held: Sequence[Sample]) -> None:
    view = state.shown()  # redrawn alone: the page's own view may be an earlier one
    tau = nearest(view.tau)
    st.subheader("Temperature", anchor=False)
    st.select_slider(
        "Temperature tau of the relaxed mask",
        TAUS,
        format_func="{:g}".format,
        help="Training lets it fall from 5 to 0.1.",
        **state.widget("tau", tau),
    )
    if tau != st.session_state.setdefault("c_tau", tau):
        st.session_state["c_tau"], st.session_state["c_moved"] = tau, time.monotonic()
    state.settle(view)
    st.caption(
        "s = sigmoid((l + noise) / tau) on the same logits l, with the noise of draw 0. Tau changes neither P(select) "
        "nor the drawn mask, which is marked: s > ½ wherever l + noise > 0. It changes only how soft the value is "
        "through which gradients flow in training."
    )
    for column, sample in _columns(held):
        with column:
            _relaxed(sample, tau)


def _relaxed(sample: Sample, tau: float) -> None:
    from rekd.ui.chance_charts import relaxed_chart

    pushed, values = sample.relaxed(tau)
    drawn, key = sample.drawn.raw[0].tolist(), f"c_relaxed_{sample.slot}"
    soft = sum(SOFT < value < 1 - SOFT for value in values)
    said = (
        f"At tau {tau:g}, {soft} of {len(values)} values lie between {SOFT:g} and {1 - SOFT:g}; "
        f"drawn at every tau: {sum(drawn)}."
    )
    tips = [f"s {s:.3f}, l + noise {x:+.2f}" for s, x in zip(values, pushed, strict=True)]
    label = f"{sample.title} ({sample.info.name}): relaxed values at tau {tau:g}, with the mask of draw 0."
    st.html(_head(sample) + _warm(sample, values, drawn, tips, label) + components.note(said))
    figure = relaxed_chart(key, sample.tone, pushed, values, tau, sample.names)
    alt = f"Relaxed value of each unit against its logit with noise. {said}"
    st.plotly_chart(figure, key=key, config=QUIET, alt=alt)


def _waiting(held: Sequence[Sample]) -> bool:
    return any(sample.waits for sample in held)


def _go_on(held: Sequence[Sample]) -> None:
    """Predict from further draws for a moment, the model that is furthest behind first."""
    until = time.monotonic() + WORK
    while time.monotonic() < until and (left := [sample for sample in held if sample.waits]):
        behind = min(left, key=lambda sample: sample.predictions.done)
        behind.predictions.step(behind.drawn)


def _predictions(held: Sequence[Sample], rule: str) -> None:
    waited = _waiting(held)
    if time.monotonic() > st.session_state.get("c_moved", -PAUSE) + PAUSE:
        _go_on(held)
    if waited and not _waiting(held):
        st.rerun()  # the sentences above are drawn outside, and so is the pace of this part set
    st.subheader("Does the prediction change?", anchor=False)
    with st.container(key="chance-votes"):
        for column, sample in _columns(held):
            with column:
                _votes(sample, rule)


def _votes(sample: Sample, rule: str) -> None:
    from rekd.explanations.chance import iou_with

    classes, drawn, found = sample.info.config.classes, sample.drawn, sample.votes()
    parts = [components.head(sample.title, sample.info.name)]
    if found is not None:
        parts += [chance_words.bars(found, classes), chance_words.vote_notes(found, drawn, classes, rule)]
    overlap = iou_with(drawn.raw, sample.item.mask)
    parts.append(chance_words.rules_table(sample.rules(), (drawn, overlap, found), rule, classes))
    st.html(components.toned(sample.tone, *parts))
    if sample.waits:
        done = sample.predictions.done
        st.progress(done / len(drawn), plain(f"{done} of {len(drawn)} draws predicted"))
