"""The page Results from top to bottom: table, comparisons, one student's charts, leaks, selection, what to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from rekd.results.comparisons import Comparison, comparisons
from rekd.results.row import PARTS
from rekd.results.summary import OWN, aggregates
from rekd.ui import results_forest, results_leaks, results_sanity, results_table, results_told, runs
from rekd.ui import results_state as state
from rekd.ui.cache import kept
from rekd.ui.components import plain
from rekd.ui.frame import part
from rekd.ui.results_groups import BOX, TAGS, Group, grouped, measured, narrowed, runs_of, sizes, tasks, usual_part
from rekd.ui.results_read import Found, read
from rekd.ui.results_state import ALL, KIND_NAMES, PART_NAMES, YOURS, Chosen


@dataclass(frozen=True, eq=False)
class Drawing:
    """What the page shows. groups: all rows by student; titles: task -> what it is called."""

    found: Found
    home: Path
    groups: tuple[Group, ...]
    titles: Mapping[str, str]
    chosen: Chosen
    notes: tuple[str, ...] = ()

    def draw(self) -> None:
        """Everything; what takes longest to compute comes last."""
        runs.arrive()
        for sentence in (*self.notes, *self.found.notes):
            st.warning(plain(sentence), icon=":material/info:")
        if not self.found.results:
            results_told.nothing_yet(self.found, self.home)
            if not self.found.every:
                return
        else:
            st.markdown(results_told.LEAD)
        if self.chosen.run:  # unnamed, for it may be changed where it stands, which is redrawn alone
            st.markdown(f":material/my_location: [To the run that the address names](#{state.FRONTIER})")
        self._table()
        if self.found.results and self.chosen.part != YOURS:  # which are in no comparison
            self._comparisons()
        from rekd.ui.results_student import student

        part(student, self)
        rows = narrowed(self.groups, self.chosen)
        if self.found.results:
            results_leaks.leaks(rows, measured(self.groups, self.chosen), self.found.results, self.titles)
        results_sanity.selection(rows, self.titles)
        if self.found.results:
            results_told.what_to_know()

    def _table(self) -> None:
        """The filters and what they leave."""
        self._filters()
        shown = narrowed(self.groups, self.chosen)
        if not self._has(self.chosen):
            self._elsewhere()
        if shown:
            self._rows(shown)

    def _has(self, chosen: Chosen) -> bool:
        """Whether a choice leaves a row of the part that it names; own runs and the box stand beside any part."""
        rows = [row for group in narrowed(self.groups, chosen) for row in group.rows]
        any_does = chosen.part in (ALL, YOURS) or not self.found.results
        return any(row.row or any_does for row in rows)

    def _rows(self, shown: list[Group]) -> None:
        st.html(results_table.STYLE + results_table.table(shown, self.titles, "Runs by student, a line a row"))
        boxed = any(row.part == BOX for group in shown for row in group.rows)
        st.caption(results_told.columns(self.found, boxed))
        with st.expander("What the columns mean", icon=":material/help:"):
            st.markdown("\n".join(f"- **{column.head}**: {column.help}" for column in results_table.columns(shown)))
            st.markdown(results_told.BUDGETS)
        self._again(shown)

    def _elsewhere(self) -> None:
        """No row is left: a button for each part of the protocol that has rows of what is chosen."""
        parts = PARTS if self.found.results else (ALL,)
        held = [name for name in parts if self._has(replace(self.chosen, part=name))]
        yours = self.chosen.part == YOURS
        none = "No run of yours is among this choice." if yours else "No row of this part is left by this choice."
        others = "Parts of the protocol that have" if yours else "Other parts of the protocol have"
        where = f"{others} rows of it:" if held else "Choose another task, size or kind."
        st.info(f"{none} {where}", icon=":material/filter_alt_off:")
        for name in held:
            st.button(PART_NAMES[name], key=f"r_part_{name}", on_click=state.change, kwargs={"part": name})

    def _filters(self) -> None:
        chosen, titles = self.chosen, {ALL: "All tasks", **self.titles}
        with st.container(horizontal=True):
            widget = state.widget("task", chosen.task, size=ALL, student="", run="")
            st.selectbox("Task", [ALL, *tasks(self.groups)], format_func=titles.get, width=200, **widget)
            options = [ALL, *sizes(self.groups, chosen.task)]
            widget = state.widget("size", chosen.size, student="", run="")
            names = {ALL: "All sizes"}
            st.selectbox("Size", options, format_func=lambda size: names.get(size, size), width=200, **widget)
            widget = state.widget("kind", chosen.kind)
            st.selectbox("Kind", list(KIND_NAMES), format_func=KIND_NAMES.get, width=200, **widget)
            if self.found.results:
                widget = state.widget("part", chosen.part)
                st.selectbox(
                    "Part of the protocol, in the table",
                    list(PART_NAMES),
                    format_func=PART_NAMES.get,
                    width=340,
                    **widget,
                )

    def _again(self, shown: list[Group]) -> None:
        """The command of each row that is shown, to copy."""
        rows = {row.name: row for group in shown for row in group.rows if row.rerun}
        if not rows:
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Run a row again", list(rows), key="r_again", width=360)
            st.code(rows[name].rerun, language="bash", wrap_lines=True)

    def _comparisons(self) -> None:
        st.subheader("Differences, paired by seed", anchor=False)
        held = [each for each in _compared(self.found.key, self.found) if self._chosen(each)]
        if not held:
            st.caption("No two rows that are compared have a run of the same seed yet.")
            return
        st.html(results_forest.STYLE)
        for title, lines in results_told.forests(held, self.titles).items():
            st.html(results_forest.forest(lines, title))
            st.caption(results_forest.in_words(lines))
            if (say := results_told.IN_WORDS.get(title)) and (said := say(held, self.titles)):
                st.caption(said)
        st.caption(results_told.INTERVALS)

    def _chosen(self, each: Comparison) -> bool:
        return self.chosen.task in (ALL, each.task) and self.chosen.size in (ALL, each.size)


@kept(4)
def _compared(key: str, _found: Found) -> list[Comparison]:
    """All comparisons of the file's results; own runs are in none."""
    return comparisons(aggregates(_found.results))


@kept(4)
def _groups(key: str, _found: Found) -> tuple[Group, ...]:
    """All rows; without a file of results, own runs and what is in the box alone, by the protocol's names of sizes."""
    box = [replace(row, part=BOX) for row in aggregates(_found.box) if row.part == OWN]
    groups = grouped([*aggregates(_found.results + _found.own), *box])
    if _found.results:
        return groups
    held = (replace(group, rows=tuple(row for row in group.rows if row.part in TAGS)) for group in groups)
    return tuple(group for group in held if group.rows)


def begin(home: Path) -> Drawing:
    """Read everything and settle what is chosen. home: the folder of own runs."""
    from rekd.data.spec import TASKS

    found = read(home)
    groups = _groups(found.key, found)
    chosen, notes = state.current()
    chosen, more = state.settled(chosen, {"task": tasks(groups), "size": sizes(groups, chosen.task)})
    students = measured(groups, chosen)
    of_run = {key: group.key for group in students for key in runs_of(group.rows)}
    chosen, further = state.settled(chosen, {"student": [each.key for each in students], "run": [*of_run]})
    if chosen.run:  # the charts are those that show it
        chosen = replace(chosen, student=of_run[chosen.run])
    state.settle(chosen)
    chosen = replace(chosen, part=chosen.part or usual_part(groups, chosen.task, chosen.size))
    titles = {name: TASKS[name].title if name in TASKS else name for name in tasks(groups)}
    return Drawing(found, home, groups, titles, chosen, (*notes, *more, *further))
