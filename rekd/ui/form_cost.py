"""What runs will cost: a few real steps are timed in a process of its own while the form stands, one at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import streamlit as st

from rekd.config import INCIDENTAL
from rekd.training.estimate import Estimate, Measuring
from rekd.training.turns import canonical
from rekd.ui.components import plain
from rekd.ui.form_fields import queues

if TYPE_CHECKING:
    from rekd.ui.form_check import Entry


class Stopwatch:
    """What was measured, by request, for every visitor of this server; one measurement is under way at a time."""

    def __init__(self):
        self.known: dict[str, Estimate] = {}
        self.lock, self.owner = threading.Lock(), ""
        self.lacking: list[str] = []
        self.measuring: Measuring | None = None

    def ask(self, owner: str, requests: Sequence[str]) -> bool:
        """Whether all of them are known; else they are measured, once what somebody else asked for is over.

        A later request of the same visitor takes the place of the one before.
        """
        with self.lock:
            self._collect()
            lacking = [request for request in requests if request not in self.known]
            if not lacking:
                return True
            if self.measuring and self.owner == owner and not set(lacking) <= set(self.lacking):
                self._end()
            if self.measuring is None:
                self.owner, self.lacking = owner, lacking
                self.measuring = Measuring([json.loads(request) for request in lacking])
            return False

    def cancel(self, owner: str) -> None:
        """End what this visitor has asked for."""
        with self.lock:
            if self.measuring and self.owner == owner:
                self._end()

    def _collect(self) -> None:
        if self.measuring is None:
            return
        over = self.measuring.poll()
        self.known.update(zip(self.lacking, self.measuring.results, strict=False))
        if over:
            self.measuring = None

    def _end(self) -> None:
        self.measuring.cancel()
        self.measuring = None


@st.cache_resource(show_spinner=False)
def stopwatch() -> Stopwatch:
    """The one of this server."""
    return Stopwatch()


def _me() -> str:
    return st.session_state.setdefault("form_me", uuid4().hex)


def cancel() -> None:
    """End a measurement that this visitor does not wait for any more."""
    stopwatch().cancel(_me())


def request_of(entry: Entry, device: str) -> str:
    """What the child is asked, as the text by which its answer is kept."""
    training = {name: value for name, value in entry.values.items() if name not in INCIDENTAL}
    asked = {"training": training, "device": device}
    if entry.teacher is not None:
        asked |= {"training": training | {"teacher": "@teacher"}, "teacher_config": dict(entry.teacher)}
    return json.dumps(asked, sort_keys=True, default=dict)


def costs(entries: Sequence[Entry], device: str, root: Path, draw: Callable[..., str], impossible: bool) -> None:
    """Draw the table of runs with what is known of their cost, and measure what is not.

    Nothing is measured on a device that is at work: it would be slower, and so would the run.

    Args:
        draw: entries and the estimates known by number -> HTML. impossible: these runs can't start.
    """
    requests = [request_of(entry, device) for entry in entries]
    busy = bool(queues(root).get(canonical(device)))
    if impossible or busy:
        cancel()
    waits = not (impossible or busy) and not stopwatch().ask(_me(), requests)

    def body() -> None:
        if waits and stopwatch().ask(_me(), requests):
            st.rerun()
        held = stopwatch().known
        known = {number: held[request] for number, request in enumerate(requests) if request in held}
        st.html(draw(entries, known, waits))
        if waits:
            st.caption(f":material/timer: Timing a few real steps on {device} …")
        else:
            _said(entries, known, device, busy and not impossible)

    (st.fragment(body, run_every=1.0) if waits else body)()


def _said(entries: Sequence[Entry], known: Mapping[int, Estimate], device: str, busy: bool) -> None:
    from rekd.ui.form_check import minutes

    for fault in dict.fromkeys(each.fault for each in known.values() if each.fault):
        st.warning(plain(f"It could not be timed. {fault}"), icon=":material/timer_off:")
    if len(known) < len(entries):
        if busy:
            st.caption(f"Time and memory are not measured while a run is at work on {device}.")
        return
    if any(each.fault for each in known.values()):
        return
    whole = sum(each.minutes * len(entry.seeds) for entry, each in zip(entries, known.values(), strict=True))
    free = min(each.free for each in known.values())
    memory = f"{free / 2**30:.0f} GB of memory were free"
    st.caption(f"About {minutes(whole)} in all on {device}, from a few real steps timed here; {memory}.")
    if any(each.memory > 0.9 * each.free for each in known.values()):
        st.warning(
            "The memory may not suffice: take a smaller batch, or more micro-batches a step, which need less of it.",
            icon=":material/memory:",
        )
