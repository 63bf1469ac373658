"""The Captum row, filled panel by panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components
from rekd.ui.components import plain

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk


def panels(desk: Desk, drawing: Drawing, k: int, whose: str) -> Iterator[tuple[str, Explanation]]:
    """One panel a method, each told once it is drawn; empty places first, so that the page keeps its shape."""
    methods = desk.view.methods
    if not methods:
        return
    info = desk.chosen[desk.view.explain]
    st.subheader("Captum on the same budget", anchor=False)
    about = st.empty()
    with st.container(key="panels"):
        columns = st.columns(max(2, len(methods)))[: len(methods)]
        places = [column.container(border=True, height="stretch") for column in columns]
    item = None
    for name, place in zip(methods, places, strict=True):
        with place:
            try:
                with st.spinner(f"{name} …"):
                    item = cache.attribution(info, drawing.subject.example, name, k, desk.view.seed)
            except (ValueError, RuntimeError) as fault:  # a foreign model, or memory: say it, and draw the others
                st.error(plain(f"{name} can't explain {info.name}: {fault}"), icon=":material/error:")
                continue
            _panel(name, info, item, drawing)
        about.markdown(_question(info, item, whose))
        yield name, item
    if item is not None:
        memory = item.details.get("memory", "")
        st.caption(f"Time and peak memory ({memory}) are those of this machine when the panel was first computed.")


def _question(info, item: Explanation, whose: str) -> str:
    said, units = plain(info.config.classes[item.target]), components.units_of(item.units)
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
