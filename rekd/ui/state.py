"""What this session looks at: the view as last changed, or as the address says; see `view` and `address`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from rekd.ui.address import address, parse
from rekd.ui.view import (
    DEEPER,
    DEFAULT_METHODS,
    DRAWS,
    IN_ADDRESS,
    LARGEST,
    METHODS,
    ORDERS,
    RULES,
    SHOWS,
    SIFTS,
    SLOTS,
    TAUS,
    View,
)

# Whoever works with a session's view finds what can be chosen here too.
__all__ = [
    "DEEPER",
    "DEFAULT_METHODS",
    "DRAWS",
    "IN_ADDRESS",
    "LARGEST",
    "METHODS",
    "ORDERS",
    "RULES",
    "SHOWS",
    "SIFTS",
    "SLOTS",
    "TAUS",
    "View",
    "change",
    "current",
    "link",
    "notes",
    "settle",
    "shown",
    "touch",
    "widget",
]


def current() -> View:
    """This session's view: as last changed, or read from the address when that was opened or gone back to."""
    session = st.session_state
    seen = st.query_params.to_dict()
    moved = session.pop("moved", False)
    # A click can overtake the address that the last run sent to the browser: a run that a widget started never reads
    # it, or what was just typed would be lost. An empty address, on a page reached by a link of ours, keeps the view.
    if "view" not in session or (not moved and seen and seen != session.get("written")):
        session["view"], session["notes"] = parse(seen)
    elif moved:
        session["notes"] = []
    return session["view"]


def shown() -> View:
    """The view as it stands, for callbacks."""
    return st.session_state.get("view", View())


def settle(view: View, notes: Sequence[str] = ()) -> None:
    """Make `view` this session's, write it to the address, and keep the notes until the next change.

    A part that is redrawn alone calls it too: no run of the whole page follows its callbacks.
    """
    st.session_state["view"] = view
    st.session_state.pop("moved", None)
    st.session_state["notes"] = [*st.session_state.get("notes", []), *notes]
    written = address(view)
    if st.query_params.to_dict() != written:
        st.query_params.from_dict(written)
    st.session_state["written"] = written


def touch() -> None:
    """The callback of every button that changes nothing of the view: the run that follows keeps the view as it is."""
    st.session_state["moved"] = True


def change(**values: Any) -> None:
    """Change the view from a callback; the run that follows shows it."""
    st.session_state["view"] = replace(shown(), **values)
    touch()


def widget(name: str, value: Any, *, reset: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Keyword arguments of a widget that shows `value` and writes a change to the view's field `name`.

    reset: fields that start anew when this one changes.
    """
    key = f"w_{name}"
    if st.session_state.get(key) != value:  # setting what it shows already would wipe what is being typed into it
        st.session_state[key] = value
    return {"key": key, "on_change": _put, "args": (name, reset or {})}


def _put(name: str, reset: Mapping[str, Any]) -> None:
    value = st.session_state[f"w_{name}"]
    if value is None:  # a click on the chosen segment empties it: keep what was chosen
        return
    change(**reset | {name: tuple(value) if isinstance(value, list) else value})


def notes() -> list[str]:
    """Sentences about what of the address could not be used."""
    return st.session_state.get("notes", [])


def link(view: View) -> str:
    """The whole address of this view, to paste anywhere, without an input of one's own that is not shown."""
    if view.given != "own":
        view = replace(view, text="", upload="")
    if view.given != "many":
        view = replace(view, batch="", row=0, page=0, sift=SIFTS[0], order=ORDERS[0])
    base = (st.context.url or "http://localhost:8501").split("?")[0].rstrip("/")
    return f"{base}/?{urlencode(address(view), errors='replace')}"
