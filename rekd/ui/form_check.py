"""Before runs start: what is impossible, what is unusual, what they cost; and the button that starts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from rekd.data import TASKS
from rekd.training import blueprint, choices
from rekd.training.lineups import TITLES, config_of
from rekd.training.rows import at_hand, row_count
from rekd.training.unusual import unusual
from rekd.training.worker import Plan, launch
from rekd.ui import form_state, runs
from rekd.ui.components import plain

TWICE = 10.0
"""Seconds within which the same runs are one click made twice."""


@dataclass(frozen=True)
class Entry:
    """One kind of run to be started. values: fields of `TrainConfig`. seeds: one run each. teacher: the configuration
    of a teacher that is trained before it, None where it is there.
    """

    title: str
    values: Mapping[str, Any]
    seeds: tuple[int, ...]
    teacher: Mapping[str, Any] | None = None


def of_lineup(line: str, task: str, made: Sequence[Plan]) -> list[Entry]:
    """The runs of a line-up, those that differ in their seed alone as one."""
    slots: dict[str, list[Plan]] = {}
    for plan in made:
        slots.setdefault(plan.name.partition(" ")[0], []).append(plan)
    trained = {str(plan.folder / "checkpoint") for plan in made}
    entries = []
    for title, plans in slots.items():
        config = plans[0].config
        coming = config.teacher in trained
        teacher = config_of(line, "teacher", task=task).to_dict() if coming else None
        values = {**config.to_dict(), **({"teacher": "@teacher"} if coming else {})}
        if config.start in trained:
            values["start"] = "@cls"
        entries.append(Entry(title, values, tuple(plan.config.seed for plan in plans), teacher))
    return entries


def check(
    entries: Sequence[Entry],
    plans: Sequence[Plan],
    device: str,
    root: Path,
    *,
    faults: Sequence[str] = (),
    found: Sequence[choices.Source] | None = None,
    beside: Callable[[], None] = lambda: None,
) -> None:
    """Draw the button, what stands against it, and the table of what will be trained.

    Args:
        faults: found by the caller already. found: models among which teachers and starts are judged. beside: draws
            what stands beside the button.
    """
    faults = list(faults)
    for entry in entries:
        faults += [said for said in choices.faults(entry.values, device, found) if said not in faults]
    for sentence in faults:
        st.error(plain(sentence), icon=":material/block:")
    for task in dict.fromkeys(entry.values["task"] for entry in entries):
        if task in TASKS and TASKS[task].hub_id and not at_hand(task):
            _download(task)
    with st.container(horizontal=True, vertical_alignment="center"):
        count = sum(len(entry.seeds) for entry in entries)
        label = "Train" if count < 2 else f"Train {count} runs"
        disabled = bool(faults) or not plans
        icon = ":material/play_arrow:"
        if st.button(label, type="primary", icon=icon, disabled=disabled, key="f_train", on_click=form_state.touch):
            _start(plans)
        beside()
    if entries and not (faults and not plans):
        _what(entries, device, root, bool(faults), found or ())


def _download(task: str) -> None:
    """Offer to fetch a data set that is not here, and fetch it once that was asked for."""
    from rekd.data import DataBroken, DataMissing, load_split

    if not st.button("Download it now", icon=":material/download:", key=f"f_fetch_{task}", on_click=form_state.touch):
        return
    try:
        with st.spinner(f"Downloading {TASKS[task].hub_id} …"):
            load_split(task, "dev", 8)
    except (DataMissing, DataBroken) as fault:
        st.error(plain(str(fault)), icon=":material/error:")
        return
    st.rerun()


def _start(plans: Sequence[Plan]) -> None:
    """Start the runs and leave for the page of the first; a second click on the same button starts nothing more."""
    from rekd.ui import form_cost

    form_cost.cancel()
    asked, sent = form_state.address(form_state.shown()), st.session_state.get("form_sent")
    if sent and sent[0] == asked and time.monotonic() - sent[1] < TWICE:
        _leave(sent[2])
    st.session_state["form_sent"] = (asked, time.monotonic(), plans[0].folder.name)
    try:
        with st.spinner("Starting …"):
            launch(plans)
    except (ValueError, OSError) as error:
        st.session_state.pop("form_sent")
        st.error(plain(str(error)), icon=":material/error:")
        return
    _leave(plans[0].folder.name)


def _leave(run: str) -> None:
    form_state.leave()
    st.query_params.from_dict({"run": run})
    st.rerun()


def _what(entries: Sequence[Entry], device: str, root: Path, impossible: bool, found: Sequence[choices.Source]) -> None:
    from rekd.ui import form_cost

    st.markdown("##### Before it starts")
    form_cost.costs(entries, device, root, table, impossible)
    if odd := _odd(entries, device, found):
        with st.container(key="f_unusual"):
            st.markdown("##### What is unusual about it")
            for sentence, whose in odd.items():
                names = f" *({', '.join(whose)})*" if 0 < len(whose) < len(entries) else ""
                st.markdown(f"- {plain(sentence)}{names}")


def _odd(entries: Sequence[Entry], device: str, found: Sequence[choices.Source]) -> dict[str, list[str]]:
    """Each remark with the runs that it is about."""
    out: dict[str, list[str]] = {}
    for entry in entries:
        compared = 0 if entry.title == TITLES["teacher"] else len(entry.seeds)
        for sentence in unusual(entry.values, device, found, compared):
            out.setdefault(sentence, []).append(entry.title)
    return out


def table(entries: Sequence[Entry], costs: Mapping[int, Any], waits: bool) -> str:
    """What will be trained as an HTML table; costs: number of an entry -> its estimate. waits: more are to come."""
    heads = ("", "time each", "memory", "generator", "predictor", "training")
    rows = [_row(entry, costs.get(number), waits) for number, entry in enumerate(entries)]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    caption = "Parameters of both towers, length, time and memory of each run"
    return (
        f'<div class="rk-scroll" tabindex="0" role="group" aria-label="{caption}"><table class="rk-table rk-plan">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(entry: Entry, cost: Any, waits: bool) -> str:
    several = f' <span class="rk-name">× {len(entry.seeds)} seeds</span>' if len(entry.seeds) > 1 else ""
    cells = [*_cost(cost, waits), *_sizes(entry), _length(entry)]
    return (
        f'<tr><th scope="row">{escape(entry.title)}{several}</th>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    )


def _sizes(entry: Entry) -> tuple[str, str]:
    config = choices.built(entry.values)
    try:
        sizes = blueprint.parameters(config) if not isinstance(config, str) else None
    except (ValueError, OSError, RuntimeError, TypeError):
        sizes = None
    if sizes is None:
        return "–", "–"
    return (millions(sizes.generator) if sizes.generator else "none"), millions(sizes.predictor)


def millions(count: int) -> str:
    """A number of parameters in words."""
    if count >= 10**6:
        return f"{count / 10**6:.1f} M"
    return f"{count / 1000:.0f} k" if count >= 1000 else f"{count}"


def _length(entry: Entry) -> str:
    steps, batch = entry.values["steps"], entry.values["batch_size"]
    size = row_count(entry.values["task"], "train")
    epochs = f", {steps * batch / size:.3g} epochs" if size else ""
    return f"{runs.counted(steps, 'step')} of {batch}{epochs}"


def _cost(cost: Any, waits: bool) -> tuple[str, str]:
    if cost is None or cost.fault:
        return ("…", "…") if waits and cost is None else ("–", "–")
    return runs.duration(60 * cost.minutes), _bytes(cost.memory)


def _bytes(count: float) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
