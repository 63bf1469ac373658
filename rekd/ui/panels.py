"""The Captum row, filled panel by panel, and the score table that follows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components, lineup, scores
from rekd.ui.components import Row, plain

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

COLUMN_HELP = {
    "sufficiency": "How much probability the judge loses when it sees the marked units alone.",
    "comprehensiveness": "How much probability the judge loses when the marked units are taken away.",
    "AOPC": "The mean of the same over the best 1, 5, 10, 20 and 50 % of the units, by P(select) or a method's score.",
    "IoU with teacher": "Units marked by both over units marked by either.",
    "unit F1": "Against the planted or human rationale: the balance of what was found and what was marked in vain.",
}


def panels(desk: Desk, drawing: Drawing, k: int, whose: str) -> dict[str, Explanation]:
    """One panel a method; empty places first, so that the page keeps its shape while they are filled."""
    methods = desk.view.methods
    if not methods:
        return {}
    info = desk.chosen[desk.view.explain]
    st.subheader("Captum on the same budget", anchor=False)
    about = st.empty()
    with st.container(key="panels"):
        columns = st.columns(max(2, len(methods)))[: len(methods)]
        places = [column.container(border=True, height="stretch") for column in columns]
    found: dict[str, Explanation] = {}
    for name, place in zip(methods, places, strict=True):
        with place:
            try:
                with st.spinner(f"{name} …"):
                    item = cache.attribution(info, drawing.subject.example, name, k, desk.view.seed)
            except (ValueError, RuntimeError) as fault:  # a foreign model, or memory: say it, and draw the others
                st.error(plain(f"{name} can't explain {info.name}: {fault}"), icon=":material/error:")
                continue
            _panel(name, info, item, drawing)
        found[name] = item
        about.markdown(_question(info, item, whose))
    if found:
        memory = next(iter(found.values())).details.get("memory", "")
        st.caption(f"Time and peak memory ({memory}) are those of this machine when the panel was first computed.")
    return found


def _question(info, item: Explanation, whose: str) -> str:
    said, units = plain(info.config.classes[item.target]), components.units_of(item)
    share = f"{item.count} of {len(item.mask)} {units}"
    return f"Why does **{plain(info.name)}** say “{said}”? Each method marks {share}, {whose}."


def _panel(name: str, info, item: Explanation, drawing: Drawing) -> None:
    from rekd.explanations.attributions import METHODS

    st.html(
        components.toned(
            "plain",
            components.head(name, f"explains {info.name}"),
            components.counted(item, "marked"),
            drawing.draw(info, item, "plain", f"{name} on {info.name}"),
            components.note(METHODS[name].help),
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


def table(
    desk: Desk, drawing: Drawing, cards: Mapping[str, Explanation], methods: Mapping[str, Explanation], k: int
) -> None:
    """Scores of every mask above, all cut to k units, under one judge; the rows arrive one by one."""
    from rekd.checkpoints import CheckpointError

    names = lineup.row_names(desk.chosen)
    entries = {names[slot]: scores.cut(item, k) for slot, item in cards.items() if item.rule != "all"}
    entries |= {name: scores.cut(item, k) for name, item in methods.items()}
    if not entries:
        return
    st.subheader("Scores", anchor=False)
    place = st.empty()
    try:
        said = cache.opinion(desk.judge, drawing.subject.example)
        read = cache.reading(desk.judge, drawing.subject.example)
        share = f"{min(k, len(read.units[0]))} of {len(read.units[0])} {components.UNIT_WORDS[read.units[0].kind]}"
        caption = f"Every mask cut to the same {share}, seen by the judge {desk.judge.name}"
        target = desk.classes.index(desk.view.target) if desk.view.target else said.label
        rows: list[Row] = []
        teacher = entries.get(names.get("teacher", ""))
        for row in _rows(desk, drawing, entries, teacher, target, k):
            rows.append(row)
            place.html(components.table(rows, caption, stars=False))
    except CheckpointError as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        return
    place.html(components.table(rows, caption))
    st.caption(_scored(desk, target, said.probs[target]))
    with st.expander("What the columns mean", icon=":material/help:"):
        st.markdown("\n".join(f"- **{column}**: {text}" for column, text in COLUMN_HELP.items()))


def _rows(
    desk: Desk,
    drawing: Drawing,
    entries: Mapping[str, Explanation],
    teacher: Explanation | None,
    target: int,
    k: int,
) -> Iterator[Row]:
    """The table's rows in order, each computed, or fetched, when it is asked for."""
    judge, example = desk.judge, drawing.subject.example
    for name, item in entries.items():
        reference = None if item is teacher else teacher
        told = item.prediction is not None and item.prediction.label != target
        remark = f"says {desk.classes[item.prediction.label]}" if told else ""
        yield Row(name, cache.score(judge, example, item, target, reference), remark)
    n = len(cache.reading(judge, example).units[0])
    numbers = cache.score_random(judge, example, min(k, n), target, teacher)
    yield Row("random", numbers, f"control, mean ± sd of {scores.DRAWS}", control=True)
    if desk.modality == "image":
        middle = scores.centred_item(cache.reading(judge, example), k)
        yield Row("centred", cache.score(judge, example, middle, target, teacher), "control", control=True)


def _scored(desk: Desk, target: int, whole: float) -> str:
    own = "" if desk.view.target else ", its own prediction"
    seen = " This judge selects by itself; here every unit is visible to it." if desk.judge.config.selects else ""
    return (
        f"Scored is the judge's probability of “{plain(desk.classes[target])}”{own} "
        f"({components.percent(whole)} on the whole input). ★ marks the best value of a column.{seen}"
    )
