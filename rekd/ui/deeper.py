"""What stands below the cards: one of several closer looks, chosen by a switch; the others are not computed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import state

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

TITLES = {
    "captum": ":material/balance: Captum beside it",
    "chance": ":material/casino: Chance",
    "proof": ":material/verified: Proof",
    "paint": ":material/brush: Paint",
    "take": ":material/download: Take away",
}
HELP = (
    "Captum beside it: other explanations on the same budget, with scores. Chance: how sure the selection is. Proof: "
    "whether what was left out matters. Paint: a mask of your own. Take away: this view as a file."
)


def deeper(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw the switch and the look that is chosen.

    Args:
        found: what the cards show, by slot.
    """
    st.segmented_control(
        "Look closer",
        state.DEEPER,
        format_func=TITLES.get,
        help=HELP,
        label_visibility="collapsed",
        **state.widget("deeper", desk.view.deeper),
    )
    # Imported when first looked at: a first view needs one of them.
    import_module(f"rekd.ui.deeper_{desk.view.deeper}").section(desk, drawing, found)
