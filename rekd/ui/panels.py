"""The Captum row, filled panel by panel, and the score table that follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components, lineup, scores

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

COLUMN_HELP = {
    "sufficiency": "How much probability the judge loses when it sees the marked units alone.",
    "comprehensiveness": "How much probability the judge loses when the marked units are taken away.",
    "AOPC": "The mean of the same over the best 1, 5, 10, 20 and 50 % of the units, by P(select) or by the method's score.",
    "IoU with teacher": "Units marked by both over units marked by either.",
    "unit F1": "Against the planted or human rationale: the balance of what was found and what was marked in vain.",
}


def panels(desk: Desk, drawing: Drawing, k: int, whose: str) -> dict[str, Explanation]:
    """One panel a method; empty places first, so that the page keeps its shape while they are filled."""
    methods = [name for name in desk.view.methods]
    if not methods:
        return {}
    info = desk.chosen[desk.view.explain]
    st.subheader("Captum on the same budget", anchor=False)
    about = st.empty()
    with st.container(key="panels"):
        places = [column.container(border=True, height="stretch") for column in st.columns(len(methods))]
    found: dict[str, Explanation] = {}
    for name, place in zip(methods, places, strict=True):
        with place:
            with st.spinner(f"{name} …"):
                item = cache.attribution(info, drawing.subject.example, name, k, desk.view.seed)
            _panel(name, info, item, drawing)
        found[name] = item
        said = info.config.classes[item.target]
        units = components.UNIT_WORDS[item.units.kind]
        about.markdown(
            f"Why does **{_plain(info.name)}** say “{_plain(said)}”? Each method marks {item.count} of {len(item.mask)} {units}, {whose}."
        )
    return found


def _plain(text: str) -> str:
    from rekd.ui.picker import _plain as plain

    return plain(text)


def _panel(name: str, info, item: Explanation, drawing: Drawing) -> None:
    st.html(
        components.toned(
            "plain",
            components.head(name, f"explains {info.name}"),
            components.counted(item, False, "marked"),
            drawing.draw(info, item, "plain", f"{name} on {info.name}"),
            components.facts(facts(item)),
        )
    )


def facts(item: Explanation) -> dict[str, str]:
    """What the panel prints below the drawing, in a fixed order; what a method does not have is left out."""
    held = item.details
    out = {}
    if "baseline" in held:
        out["Baseline"] = str(held["baseline"])
    if "n" in held:
        out["Evaluations"] = f"{held['n']:,}"
    if "convergence_delta" in held:
        out["Convergence delta"] = f"{held['convergence_delta']:+.4f} logits".replace("-", "−")
    if "seed" in held:
        out["Seed"] = str(held["seed"])
    if "iou_two_seeds" in held:
        out["IoU of two seeds"] = f"{held['iou_two_seeds']:.2f}"
    if "seconds" in held:
        out["Time"] = f"{held['seconds']:.2f} s"
    if "peak_memory_mb" in held:
        out["Peak memory"] = f"+{held['peak_memory_mb']:.0f} MB"
    return out


def table(desk: Desk, drawing: Drawing, cards: Mapping[str, Explanation], methods: Mapping[str, Explanation], k: int) -> None:
    """Scores of every mask above, all cut to k units, under one judge."""
    entries = [(_row_name(slot, desk), scores.cut(item, k)) for slot, item in cards.items() if item.rule != "all"]
    entries += [(name, scores.cut(item, k)) for name, item in methods.items()]
    if not entries:
        return
    st.subheader("Scores", anchor=False)
    teacher = _row_name("teacher", desk) if "teacher" in desk.chosen else ""
    plan = scores.Plan(tuple(entries), k, teacher)
    with st.spinner("Scoring …"):
        made = cache.score_table(desk.judge, drawing.subject.example, plan)
    name, units = desk.classes[made.target], components.UNIT_WORDS[entries[0][1].units.kind]
    caption = f"Every mask cut to the same {min(k, made.units)} of {made.units} {units}, seen by the judge {desk.judge.name}"
    st.html(components.table(made.rows, caption))
    st.caption(
        f"Scored is the judge's probability of “{_plain(name)}”, its own prediction on the whole input "
        f"({components.percent(made.whole)}). ★ marks the best value of a column. "
        + ("A judge that selects sees every unit here, which it was not trained on." if desk.judge.config.selects else "")
    )
    with st.expander("What the columns mean", icon=":material/help:"):
        st.markdown("\n".join(f"- **{column}**: {text}" for column, text in COLUMN_HELP.items()))


def _row_name(slot: str, desk: Desk) -> str:
    return lineup.ROLES[slot].split(",")[0]
