"""The table of a batch: lines appear as they are computed, sifted, ordered and turned by the page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import components, jumps, lineup, many_cache, many_rows, many_table, state
from rekd.ui.components import plain
from rekd.ui.many_rows import BLOCK, Answer, Line

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from rekd.checkpoints import Info
    from rekd.ui.frame import Desk
    from rekd.ui.many_given import Inputs

PAGE = 20
PATIENCE = 0.4
"""Seconds before progress is shown: what is kept already is there sooner."""
ORDERS = {"number": "By number", "apart": "Masks apart first"}


@dataclass(eq=False)
class Table:
    """The table of one run of the page: what is there at once is drawn first, the rest as it is computed."""

    desk: Desk
    inputs: Inputs
    labels: Sequence[int | None]

    def __post_init__(self) -> None:
        desk, names = self.desk, lineup.row_names(self.desk.chosen)
        self.slots, self.faults = list(desk.chosen), {}
        self.titles = {slot: (names[slot], lineup.TONES[slot]) for slot in self.slots}
        self.sifts = many_rows.offered(self.slots, any(label is not None for label in self.labels))
        self.sift = desk.view.sift if desk.view.sift in self.sifts else "all"
        self.orders = [order for order in ORDERS if order == "number" or jumps.pair(self.slots)]
        self.order = desk.view.order if desk.view.order in self.orders else "number"
        self.lines = [Line(i + 1, name, self.labels[i]) for i, name in enumerate(self.inputs.names)]

    def draw(self) -> None:
        st.html(many_table.STYLE)
        self._choices()
        bar = st.container(horizontal=True, vertical_alignment="center", key="many-pages")
        st.html(components.legend("mask", self.desk.modality == "image"))
        self.progress = st.container(key="many-progress").empty()
        rows, below = st.container(key="many-rows"), st.container()
        self.started = time.monotonic()
        if self.by_number:
            self._as_they_come(bar, rows)
        else:
            self._at_the_end(bar, rows)
        self.progress.caption(self._summary())
        with below:
            self._download()

    @property
    def by_number(self) -> bool:
        """Whether all lines stand there by number."""
        return self.sift == "all" and self.order == "number"

    def numbers(self) -> Sequence[int] | None:
        """The inputs in the order of the table, counted from 1; None where that was not found out yet."""
        return range(1, len(self.inputs) + 1) if self.by_number else many_cache.order(self._key())

    def _key(self) -> tuple:
        view, models = self.desk.view, tuple((slot, info.name, info.hash) for slot, info in self.desk.chosen.items())
        return view.batch, self.sift, self.order, view.rule, view.seed, models

    def _choices(self) -> None:
        with st.container(horizontal=True, vertical_alignment="center", key="many-choices"):
            if len(self.sifts) > 1:
                st.segmented_control(
                    "Inputs shown",
                    self.sifts,
                    format_func=many_rows.SIFTS.get,
                    label_visibility="collapsed",
                    **state.widget("sift", self.sift, reset={"page": 0}),
                )
            if len(self.orders) > 1:
                about = (
                    "Masks apart first: by the IoU of what teacher and REKD selected, else the first two that select."
                )
                st.segmented_control(
                    "Order",
                    self.orders,
                    format_func=ORDERS.get,
                    help=about,
                    label_visibility="collapsed",
                    **state.widget("order", self.order, reset={"page": 0}),
                )

    def _as_they_come(self, bar: DeltaGenerator, rows: DeltaGenerator) -> None:
        """All lines by number: those of this page are known before anything is computed."""
        shown = self._page(bar, self.lines)
        with rows:
            st.html(many_table.head(self.titles))
            places = {line.number: self._row(line) for line in shown}
        blocks = range(0, len(self.inputs), BLOCK)
        first = [start for start in blocks if any(start < line.number <= start + BLOCK for line in shown)]
        for start in self._computed([*first, *(start for start in blocks if start not in first)]):
            for line in self.lines[start : start + BLOCK]:
                if line.number in places:
                    places[line.number].html(self._html(line))
        self._say_faults()

    def _at_the_end(self, bar: DeltaGenerator, rows: DeltaGenerator) -> None:
        """Which lines are shown is known once all are computed."""
        for _ in self._computed(range(0, len(self.inputs), BLOCK)):
            pass
        left = many_rows.sifted(self.lines, self.sift, self.order, self.slots)
        if not self.faults:
            many_cache.keep_order(self._key(), [line.number for line in left])
        shown = self._page(bar, left)
        with rows:
            if shown:
                st.html(many_table.head(self.titles))
            else:
                st.info(f"None of the {len(self.lines)} inputs is left by “{many_rows.SIFTS[self.sift]}”.")
            for line in shown:
                self._row(line)
        self._say_faults()

    def _computed(self, starts: Sequence[int]) -> Iterator[int]:
        """Read block after block by every model; gives each block's start once its lines are complete."""
        view, done, steps = self.desk.view, 0, max(1, len(starts) * len(self.slots))
        for start in starts:
            found = {}
            for slot, info in self.desk.chosen.items():
                self._tell(done / steps, f"{info.name} reads inputs {start + 1} to {self._stop(start)}")
                found[slot] = self._block(slot, info, start, view.rule, view.seed)
                done += 1
            for i in range(start, self._stop(start)):
                held = {slot: None if block is None else block[i - start] for slot, block in found.items()}
                self.lines[i] = replace(self.lines[i], answers=held)
            yield start

    def _summary(self) -> str:
        apart, total = sum(line.disagrees for line in self.lines), len(self.lines)
        inputs = f"{total} input{'s' * (total != 1)}"
        return f"Models disagree on {apart} of {inputs}." if len(self.slots) > 1 else f"{inputs} read."

    def _stop(self, start: int) -> int:
        return min(start + BLOCK, len(self.inputs))

    def _tell(self, share: float, what: str) -> None:
        if time.monotonic() - self.started > PATIENCE:
            self.progress.progress(share, f"{plain(what)}, of {len(self.inputs)} …")

    def _block(self, slot: str, info: Info, start: int, rule: str, seed: int) -> list[Answer | None] | None:
        """A block's answers; None of a model that can't be loaded, which is said once."""
        from rekd.checkpoints import CheckpointError

        if slot in self.faults:
            return None
        rule = rule if info.config.selects else ""
        try:
            return many_cache.answers(info, self.desk.view.batch, start, rule, seed if rule == "sampled" else 0)
        except CheckpointError as fault:
            self.faults[slot] = str(fault)
            return None

    def _say_faults(self) -> None:
        for fault in self.faults.values():
            st.error(plain(fault), icon=":material/folder_off:")

    def _page(self, bar: DeltaGenerator, lines: Sequence[Line]) -> list[Line]:
        """Draw where in the table one is; returns the lines of this page."""
        pages = max(1, -(-len(lines) // PAGE))
        page = min(self.desk.view.page, pages - 1)
        begin, end = page * PAGE, min((page + 1) * PAGE, len(lines))
        kept = "" if len(lines) == len(self.lines) else f" that fit, of {len(self.lines)}"
        with bar:
            if pages > 1:
                turns = (("Previous", "left", page - 1), ("Next", "right", page + 1))
                for title, way, to in turns:
                    icon, off = f":material/chevron_{way}:", not 0 <= to < pages
                    key = f"many_page_{title.lower()}"
                    held = {"on_click": state.change, "kwargs": {"page": to}, "disabled": off}
                    st.button(f"{title} {PAGE}", icon=icon, key=key, **held)
            if lines:
                st.caption(f"Lines {begin + 1} to {end} of {len(lines)}{kept}")
        return list(lines[begin:end])

    def _row(self, line: Line) -> DeltaGenerator:
        """Draw one line with its button; returns the place of what it shows."""
        with st.container(horizontal=True, key=f"many-row-{line.number}"):
            about = f"Open input {line.number} in the full view"
            held = {"on_click": state.change, "kwargs": {"row": line.number}, "help": about}
            st.button(f"{line.number}", icon=":material/open_in_full:", key=f"many_open_{line.number}", **held)
            place = st.empty()
        place.html(self._html(line))
        return place

    def _html(self, line: Line) -> str:
        content = self.inputs.contents[line.number - 1]
        text, pixels = (
            (content, None) if isinstance(content, str) else (None, many_cache.thumb(self.desk.view.batch, line.number))
        )
        return many_table.line(line, text, pixels, self.desk.classes, self.titles)

    def _download(self) -> None:
        texts = self.inputs.contents if self.inputs.modality == "text" else None
        names = {slot: title for slot, (title, _) in self.titles.items() if slot not in self.faults}
        lines = many_rows.sifted(self.lines, self.sift, self.order, self.slots)
        st.download_button(
            f"Table as CSV, {len(lines)} line{'s' * (len(lines) != 1)}",
            lambda: many_rows.as_csv(lines, texts, self.desk.classes, names),
            "rekd-table.csv",
            "text/csv",
            icon=":material/download:",
            key="many_download",
            on_click="ignore",
            disabled=not lines,
        )
