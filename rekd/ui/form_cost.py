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
from rekd.training import choices
from rekd.training.estimate import Estimate, Measuring
from rekd.training.turns import canonical
from rekd.training.unusual import to_fetch
from rekd.ui import runs
from rekd.ui.components import plain
from rekd.ui.form_fields import queues

if TYPE_CHECKING:
    from rekd.ui.form_check import Entry

LATER = Estimate(fault="Its weights are not here yet.")
"""Stands for the estimate of a run that begins with a download."""


class Stopwatch:
    """What was measured, by request, for every visitor of this server; one measurement is under way at a time.

    What could not be measured is told to the visitor who asked for it, and forgotten once they ask for something else.
    """

    def __init__(self):
        self.known: dict[str, Estimate] = {}
        self.failed: dict[str, dict[str, Estimate]] = {}
        self.lock, self.owner = threading.Lock(), ""
        self.lacking: list[str] = []
        self.measuring: Measuring | None = None

    def ask(self, owner: str, requests: Sequence[str]) -> bool:
        """Whether there is an answer to all of them; else they are measured, once what somebody else asked for is over.

        A later request of the same visitor takes the place of the one before.
        """
        with self.lock:
            self._collect()
            failed = self.failed.pop(owner, {})
            if failed := {request: failed[request] for request in requests if request in failed}:
                self.failed[owner] = failed
            lacking = [request for request in requests if request not in self.known and request not in failed]
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
            self.failed.pop(owner, None)
            if self.measuring and self.owner == owner:
                self._end()

    def answers(self, owner: str) -> dict[str, Estimate]:
        """Everything that is known, by request, with what went wrong of that which this visitor has asked for."""
        with self.lock:
            return self.known | self.failed.get(owner, {})

    def _collect(self) -> None:
        if self.measuring is None:
            return
        over = self.measuring.poll()
        for request, found in zip(self.lacking, self.measuring.results, strict=False):
            kept = self.failed.setdefault(self.owner, {}) if found.fault else self.known
            kept[request] = found
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
    training = {name: value for name, value in entry.values.items() if name == "engine" or name not in INCIDENTAL}
    asked = {"training": training, "device": device}
    if entry.teacher is not None:
        asked |= {"training": training | {"teacher": "@teacher"}, "teacher_config": dict(entry.teacher)}
    return json.dumps(asked, sort_keys=True, default=dict)


def costs(entries: Sequence[Entry], device: str, root: Path, draw: Callable[..., str], impossible: bool) -> None:
    """Draw the table of runs with what is known of their cost, and measure what is not.

    Nothing is measured on a device that is at work: it would be slower, and so would the run. Nor is what begins from
    weights that are not here: they are many, and only the run itself has been asked for them.

    Args:
        draw: entries and the estimates known by number -> HTML. impossible: these runs can't start.
    """
    later = {} if impossible else {number: LATER for number, entry in enumerate(entries) if _fetches(entry)}
    requests = {number: request_of(entry, device) for number, entry in enumerate(entries) if number not in later}
    busy = bool(queues(root).get(canonical(device)))
    if impossible or busy:
        cancel()
    waits = not (impossible or busy) and not stopwatch().ask(_me(), [*requests.values()])

    def body() -> None:
        if waits and stopwatch().ask(_me(), [*requests.values()]):
            st.rerun()
        held = stopwatch().answers(_me())
        known = later | {number: held[request] for number, request in requests.items() if request in held}
        st.html(draw(entries, known, waits))
        if later:
            _say_later([entries[number].title for number in later], len(entries))
        if waits:
            st.caption(f":material/timer: Timing a few real steps on {device} …")
        else:
            _said(entries, known, device, busy and not impossible)

    (st.fragment(body, run_every=1.0) if waits else body)()


def _fetches(entry: Entry) -> bool:
    """Whether the run, or that of the teacher it waits for, begins with a download of weights."""
    configs = [choices.built(values) for values in (entry.values, entry.teacher) if values is not None]
    try:
        return any(to_fetch(config) for config in configs if not isinstance(config, str))
    except ValueError:
        return False


def _say_later(titles: Sequence[str], count: int) -> None:
    whose = "its weights are" if count == 1 else f"{', '.join(titles)}: weights that are needed are"
    starts = "the run starts" if count == 1 else "the runs start"
    st.caption(f":material/timer_off: Not timed: {plain(whose)} not here yet; they are fetched when {starts}.")


def _said(entries: Sequence[Entry], known: Mapping[int, Estimate], device: str, busy: bool) -> None:
    for fault in dict.fromkeys(each.fault for each in known.values() if each.fault and each is not LATER):
        st.warning(plain(f"It could not be timed. {fault}"), icon=":material/timer_off:")
    if len(known) < len(entries):
        if busy:
            st.caption(f"Time and memory are not measured while a run is at work on {device}.")
        return
    if any(each.fault for each in known.values()):
        return
    whole = 60 * sum(each.minutes * len(entry.seeds) for entry, each in zip(entries, known.values(), strict=True))
    free = min(each.free for each in known.values())
    memory = f"{free / 2**30:.0f} GB of memory were free"
    st.caption(f"About {runs.duration(whole)} in all on {device}, from a few real steps timed here; {memory}.")
    if any(each.memory > 0.9 * each.free for each in known.values()):
        st.warning(
            "The memory may not suffice: take a smaller batch, or more micro-batches a step, which need less of it.",
            icon=":material/memory:",
        )
