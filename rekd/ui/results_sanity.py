"""What is selected, row by row: sorts of units beside their base, certainty, rates of classes; and the way to examples
that a student gains by its teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from rekd.results.statistics import Spread
from rekd.results.summary import Aggregate, sorts_of
from rekd.ui import cache, jumps, lineup, state
from rekd.ui.components import plain
from rekd.ui.results_groups import Group
from rekd.ui.results_table import Column, framed, named, share, spread
from rekd.ui.sidebar import FRESH

if TYPE_CHECKING:
    from rekd.checkpoints import Info

SORT_HELP = {
    "punctuation": "Words without a letter or digit.",
    "stop words": "Words such as “the” and “was”, as scikit-learn lists them for English.",
    "border": "Patches of the outermost ring of the picture, where little is to be seen.",
}
ABOUT = (
    "Of the units that a model selects, how many say little by themselves: a share far above that of all units would "
    "be a warning, and so would a class of which far more, or less, is read than of others. All numbers are means "
    "over honest runs, ± the standard deviation over seeds; a dash is what no honest run has measured."
)


def selection(groups: Iterable[Group], titles: Mapping[str, str]) -> None:
    """Draw the section, a table a task; nothing where no row of these has a run that selects. titles: of the tasks."""
    by_task: dict[str, list[Group]] = {}
    for group in groups:
        if rows := tuple(row for row in group.rows if row.selects and row.results):
            by_task.setdefault(group.task, []).append(Group(group.task, group.size, rows))
    if not by_task:
        return
    st.subheader("What is selected", anchor=False)
    st.caption(ABOUT)
    pairs, helped = shipped_pairs(cache.infos()), {}
    for task, held in by_task.items():
        st.html(table(held, titles.get(task, task)))
        if task in pairs:
            _rescued(*pairs[task])
        helped |= {column.head: column.help for column in columns(held)}
    with st.expander("What these columns mean", icon=":material/help:"):
        st.markdown("\n".join(f"- **{head}**: {about}" for head, about in helped.items()))


def table(groups: Sequence[Group], title: str) -> str:
    """The rows of one task by size, aligned; each has a run and selects. title: of the task. Pure."""
    shown = columns(groups)
    held = ((group.size, "".join(_line(row, shown) for row in group.rows)) for group in groups)
    framing = framed(shown, held, f"What is selected: {title}", "rk-selected")
    return f'<p class="rk-caption">{escape(title)}</p>{framing}'


def _line(row: Aggregate, shown: Sequence[Column]) -> str:
    return f"<tr>{_name(row)}{''.join(column.cell(row) for column in shown)}</tr>"


def _name(row: Aggregate) -> str:
    return named(row, "" if row.honest else '<div class="rk-note rk-flag">⚑ no honest run</div>')


def columns(groups: Sequence[Group]) -> tuple[Column, ...]:
    """The columns for the rows of one task: sorts that its units can be of, and certainty, where some run has them."""
    rows = [row for group in groups for row in group.rows]

    def measured(name: str) -> bool:
        return any(row.of(name, every=True).n for row in rows)

    sorts = [sort for sort in sorts_of(rows) if measured(f"selected {sort}")]
    return (*map(_of_sort, sorts), *(_COLUMNS if measured("certainty") else _COLUMNS[1:]))


def _of_sort(sort: str) -> Column:
    about = f"{SORT_HELP[sort]} Their share of the units that top-k selects on dev, and below it that of all units."
    return Column(f"{sort}, of selected", about, lambda row: _shares(row, sort))


def _shares(row: Aggregate, sort: str) -> str:
    found, base = row.of(f"selected {sort}"), row.of(f"all {sort}")
    if found.mean is None:
        return _absent(row)
    said = "not measured" if base.mean is None else share(base.mean)
    return f"<td>{spread(found, share)}{_note(f'of all {said}{_some(found, row)}')}</td>"


def _some(found: Spread, row: Aggregate) -> str:
    """Of how many honest runs a mean is, where some have not measured it."""
    return "" if found.n == len(row.honest) else f", {found.n} of {len(row.honest)} runs"


def _note(text: str) -> str:
    return f'<div class="rk-note">{escape(text)}</div>'


def _absent(row: Aggregate) -> str:
    """A dash, with why: no run has measured it, or every run is leaky."""
    return f'<td title="{"not measured" if row.honest else "every run is leaky"}">–</td>'


def _certainty(row: Aggregate) -> str:
    found = row.of("certainty")
    if found.mean is None:
        return _absent(row)
    some = _some(found, row).removeprefix(", ")
    return f"<td>{spread(found)}{_note(some) if some else ''}</td>"


def _class(what: str, pick: Callable) -> Callable[[Aggregate], str]:
    """A column of the class whose mean is the smallest or the largest; its name is left out where all show as 0."""

    def cell(row: Aggregate) -> str:
        found = row.by_class(what)
        if not found:
            return _absent(row)
        name = pick(found, key=lambda each: found[each].mean)
        return f"<td>{spread(found[name], share)}{_note(name) if round(found[name].mean, 3) else ''}</td>"

    return cell


_COLUMNS = (
    Column(
        "gate certainty",
        "Mean |2s − 1| over the units of dev, s = P(select): 0 of a coin, 1 where nothing is left to chance.",
        _certainty,
    ),
    Column(
        "lowest class rate",
        "The class of which the smallest share of units is selected: on test, under calibrated, before repair.",
        _class("rates", min),
    ),
    Column("highest class rate", "The class of which the largest share is selected, likewise.", _class("rates", max)),
    Column(
        "most empty masks",
        "The largest share of a class's inputs of which calibrated selects nothing, before such masks are repaired.",
        _class("empty", max),
    ),
)


def shipped_pairs(infos: Iterable[Info]) -> dict[str, tuple[Info, Info]]:
    """Task -> its RE and REKD that come with the project; exhibits, and what was trained or loaded here, are none."""
    from rekd.checkpoints.folders import shipped

    ours = (info for info in infos if info.folder.parent == shipped() and not info.promoted)
    held = {(info.task, info.role): info for info in ours}
    return {
        task: (held[task, "re"], rekd) for (task, role), rekd in held.items() if role == "rekd" and (task, "re") in held
    }


def _rescued(re: Info, rekd: Info) -> None:
    """The way to Explore, at the next example of the task where the first is wrong and the second right."""
    from rekd.data.spec import TASKS

    here = [name for name in lineup.data_sets(re, TASKS) if cache.at_hand(name)]
    if not here:
        st.caption(
            "Examples where RE is wrong and REKD right can't be shown: this task's data are not on this machine."
        )
        return
    if st.button(
        f"Show where RE is wrong and REKD right: {plain(re.name)}, {plain(rekd.name)}",
        icon=":material/fast_forward:",
        key=f"r_rescued_{re.task}",
        help="Opens Explore with these two models that come with the project, at the first such example among "
        f"{jumps.REACH}. “Jump to next where …” goes on from there.",
        on_click=_jump,
        args=(re, rekd),
    ):
        st.switch_page("app.py")
    if re.task not in here and re.task in TASKS:
        st.caption(
            f"It searches the examples at hand, “{plain(TASKS[here[0]].title)}”, where there may be none: those of "
            f"{plain(TASKS[re.task].title)} are not on this machine."
        )


def _jump(re: Info, rekd: Info) -> None:
    """Choose the pair in Explore and ask for its jump, as a press of its own button does."""
    state.change(**FRESH | {"task": re.task, "re": re.name, "rekd": rekd.name})
    st.session_state["jump"] = "rescued"
