"""The address of a view, to copy."""

from __future__ import annotations

import streamlit as st

from rekd.ui import state
from rekd.ui.frame import part
from rekd.ui.state import View


def share(modality: str) -> None:
    """Draw the button that shows the address as it is when it is pressed, and what it does not carry.

    Args:
        modality: text or image.
    """
    part(_share, modality)


def _share(modality: str) -> None:
    # Opening it draws it anew: parts of the page change the view without a run of the whole page.
    right = st.container(horizontal=True, horizontal_alignment="right")
    with right.popover("Copy link", icon=":material/link:", key="share", on_change="rerun"):
        view = state.shown()
        st.caption("This address reopens exactly this view.")
        st.code(state.link(view), language=None, wrap_lines=True)
        if told := _kept(view, modality):
            st.caption(told)


def _kept(view: View, modality: str) -> str:
    if view.given == "many" and view.batch:
        return (
            "Your inputs are kept on this server under their content hash, until those unused for longest make room; "
            "the address finds them here, not elsewhere."
        )
    if view.given == "own" and (view.upload or len(view.text) > state.IN_ADDRESS):
        what = "picture" if modality == "image" else f"text (over {state.IN_ADDRESS:,} characters)"
        return f"Your {what} is kept on this server under its content hash; the address finds it here, not elsewhere."
    return ""
