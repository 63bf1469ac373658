"""What is known of a checkpoint, one click away: whether its masks leak the label, accuracy by mask rule, size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.ui import components
from rekd.ui.leaks import leak_list, leaks
from rekd.ui.results_read import measured_as

if TYPE_CHECKING:
    from rekd.checkpoints import Info

KINDS = {
    "cls": "reads the whole input",
    "re": "selects, then predicts; trained on labels alone",
    "rekd": "selects, then predicts; distilled from a teacher",
    "random": "reads random masks; control and judge",
}


def popover(info: Info) -> None:
    """The button under a card. A leak is flagged on the button itself, where nobody overlooks it."""
    report = leaks(info.metrics) if info.config.selects else None
    flagged = report is not None and (not report.honest or bool(report.warnings))
    icon = ":material/flag:" if flagged else ":material/info:"
    label = "About this model, leak warning" if flagged else "About this model"
    if report is not None and not report.honest:
        label = ":red[Mask leaks the label]"
    with st.popover(label, icon=icon, width="stretch"):
        if report is not None:
            st.html(leak_list(report))
        elif info.config.selects:
            st.caption("No leak measures were stored with this checkpoint; `python -m rekd evaluate` takes them.")
        if rows := accuracies(info.metrics):
            st.html(_accuracy_table(rows, info))
        st.html(components.facts(about(info)))
        if run := measured_as(info.hash):
            link = {"label": "Among all measured runs", "icon": ":material/scatter_plot:"}
            st.page_link("pages/results.py", **link, query_params={"task": info.task, "run": run})


def about(info: Info) -> dict[str, str]:
    """Name to value, as printed."""
    config = info.config
    out = {
        "Kind": KINDS[config.kind],
        "Task": info.task,
        "Parameters": f"{info.parameters / 1e6:.2f} million",
        "Size": f"{info.bytes / 2**20:.1f} MB",
        "Units": _units(config.reader),
    }
    if config.selects:
        cut = 1 / (1 + math.exp(-config.cut))
        out |= {"Rate p": f"{config.rate:g}", "Calibrated cut": f"P(select) > {cut:.3f}", "Masking": config.masking}
    if info.role == "exhibit":
        out["Exhibit"] = "shipped to show what the leak measures catch; not an honest rationale model"
    if seed := info.training.get("seed"):
        out["Seed"] = str(seed)
    return out | {"Hash": info.hash}


def _units(reader) -> str:
    if reader.modality == "image":
        rows, columns = reader.grid
        return f"{rows} x {columns} patches of {reader.image_size[1]} x {reader.image_size[0]} pixels"
    return f"{components.UNIT_WORDS[reader.units]}, first {reader.max_tokens} word pieces"


def accuracies(metrics: Mapping[str, Any]) -> list[tuple[str, float, float | None]]:
    """(mask, accuracy, realised rate) for each mask that was measured; what is missing or odd is left out."""
    out = []
    for name, row in (metrics.get("rules") or {}).items():
        if isinstance(row, Mapping) and isinstance(row.get("accuracy"), float):
            out.append((name, row["accuracy"], row.get("rate")))
    for name, title in (("whole_input", "whole input"), ("random", "random mask (control)")):
        row = metrics.get(name)
        if isinstance(row, Mapping) and isinstance(row.get("accuracy"), float):
            out.append((title, row["accuracy"], None))
    return out


def _accuracy_table(rows, info: Info) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{100 * accuracy:.1f} %</td>'
        f"<td>{'' if rate is None else f'{100 * rate:.1f} %'}</td></tr>"
        for name, accuracy, rate in rows
    )
    examples = info.metrics.get("examples")
    over = f", {examples:,} test examples" if isinstance(examples, int) else ""
    head = '<thead><tr><th scope="col">mask</th><th scope="col">accuracy</th><th scope="col">share</th></tr></thead>'
    return (
        f'<p class="rk-caption">Accuracy{over}</p><table class="rk-table rk-small">{head}<tbody>{body}</tbody></table>'
    )
