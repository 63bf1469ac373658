"""Leaks on the page Results: how many runs of a kind code the label in their masks, and each row's measures beside its
accuracy. Pure but for `leaks`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

import streamlit as st

from rekd.measures.verdict import COUNT_MARGIN, MASK_MARGIN, LeakReport, stored, warned
from rekd.results.comparisons import LeakyShare, leaky_shares
from rekd.results.record import Result
from rekd.results.statistics import Spread
from rekd.results.statistics import spread as over
from rekd.results.summary import MEASURES, Aggregate
from rekd.ui.components import number, percent
from rekd.ui.results_forest import points
from rekd.ui.results_groups import Group
from rekd.ui.results_table import COLUMNS, Column, framed, named, spread

ABOUT = (
    "A run is leaky where the mask of another input, laid on this one, makes the predictor say that other's class over "
    "5 points more often than a random mask does. Such a run's accuracy says nothing about its rationales: it stays "
    "out of every mean, and is counted here. Counted are the runs of the protocol, neither yours nor those in the box."
)


def leaks(
    groups: Sequence[Group], measured: Iterable[Group], every: Sequence[Result], titles: Mapping[str, str]
) -> None:
    """Draw the section; nothing where no run has measures. groups: of which rows are told. measured: whose runs are
    counted. every: all results, among which teachers are looked for. titles: of the tasks."""
    held = [result for group in measured for row in group.rows if row.row for result in row.results]
    shares = leaky_shares(held, every)
    if not shares:
        return
    st.subheader("Leaks: runs whose masks code the label", anchor=False)
    st.html(leak_table(shares))
    reports = filter(None, (stored(result.report) for result in held))
    st.caption(f"{ABOUT} {counts(list(reports))}")
    rows = selecting(groups)
    if groups and not rows:
        st.caption("No row of the table at the top has masks of its own whose leaks were measured.")
    if rows:
        with st.expander(
            "Row by row, beside the accuracy: the rows of the table at the top", icon=":material/table_rows:"
        ):
            st.html(table(rows, titles))
            st.markdown("\n".join(f"- **{column.head}**: {column.help}" for column in SHOWN))


def selecting(groups: Iterable[Group]) -> list[Group]:
    """The rows that have measures of leaks."""
    held = (
        Group(group.task, group.size, tuple(row for row in group.rows if row.of("swap", every=True).n))
        for group in groups
    )
    return [group for group in held if group.rows]


def table(groups: Sequence[Group], titles: Mapping[str, str]) -> str:
    """A line a row: accuracy and what its runs' masks give away."""
    names = (f"{titles.get(group.task, group.task)} · {group.size}" for group in groups)
    lines = ("".join(_line(row) for row in group.rows) for group in groups)
    return framed(SHOWN, zip(names, lines, strict=True), "What masks give away, row by row")


def _line(row: Aggregate) -> str:
    return f"<tr>{named(row)}{''.join(column.cell(row) for column in SHOWN)}</tr>"


def _guessed(measure: str) -> Callable[[Aggregate], str]:
    """Accuracy of a guess from masks alone, over every run, and how many of them it warns of."""

    def cell(row: Aggregate) -> str:
        reports = list(filter(None, (stored(result.report) for result in row.results)))
        warns = sum(measure in report.warnings for report in reports)
        bounds = {report.count_bound if measure == "count" else report.mask_bound for report in reports} - {None}
        bound = f"bound {number(max(bounds))}" if bounds else "no bound known"
        note = f'<span class="rk-flag">⚑ {warns} of {len(reports)}</span>, {bound}' if warns else bound
        return _cell(spread(row.of(measure, every=True)), note)

    return cell


def _swap(row: Aggregate) -> str:
    note = f'<span class="rk-flag">⚑ {len(row.leaky)} of {len(row.results)}</span>' if row.leaky else ""
    return _cell(_in_points(row.of("swap", every=True)), note)


def _sampled(row: Aggregate) -> str:
    """Top-k less sampled masks, of the same runs."""
    pairs = ([MEASURES[f"accuracy {rule}"](result) for rule in ("top-k", "sampled")] for result in row.results)
    return _cell(_in_points(over(pair[0] - pair[1] for pair in pairs if None not in pair)))


def _in_points(found: Spread) -> str:
    if found.mean is None:
        return "–"
    return points(found.mean) + ("" if found.sd is None else f' <span class="rk-name">± {100 * found.sd:.1f}</span>')


def _cell(main: str, note: str = "") -> str:
    return f"<td>{main}" + (f'<div class="rk-note">{note}</div>' if note else "") + "</td>"


SHOWN = (
    COLUMNS[0],
    Column(
        "label from the count",
        "Accuracy of guessing the label from the number of units alone that calibrated masks select, mean ± sd over "
        "every run, leaky ones too, as in the columns to the right; flagged are the runs over the bound, chance and "
        f"{100 * COUNT_MARGIN:.0f} points.",
        _guessed("count"),
    ),
    Column(
        "label from the places",
        "Accuracy of guessing it from the places of those units, without their content; the bound is what masks known "
        f"to be honest give away and {100 * MASK_MARGIN:.0f} points.",
        _guessed("mask"),
    ),
    Column(
        "mask swap, points",
        "How much more often another input's mask makes the predictor say that input's class than a random mask does; "
        "it decides, over 5 points a run is leaky.",
        _swap,
    ),
    Column(
        "top-k less sampled, points",
        "Accuracy under top-k less that under drawn masks. Where the gates are certain the two hardly differ; far from "
        "0, either the number of units says something, which top-k fixes, or drawn masks of uncertain gates have more "
        "or fewer of them. Rates and empty masks of each class stand in the next section.",
        _sampled,
    ),
)


def counts(reports: Sequence[LeakReport]) -> str:
    """How many runs' numbers or places of units tell more of the label than they may, which warns; "" without a
    report."""
    if not reports:
        return ""
    numbers, places, known = warned(reports)
    most = max(reports, key=lambda report: report.count - report.count_bound)
    rules = " and ".join(sorted({report.rule for report in reports}))
    bound = f"bound: honest masks + {100 * MASK_MARGIN:.0f} points, where those are known"
    told = f", and {places} of {known} by the places of their units ({bound})" if known else ""
    return (
        f"{numbers} of {len(reports)} runs give the label away by their number of units under {rules} more often than "
        f"they may (bound: chance + {100 * COUNT_MARGIN:.0f} points; the most {percent(most.count)}, where chance is "
        f"{percent(most.chance)}){told}; this warns and does not decide."
    )


def leak_table(shares: Sequence[LeakyShare]) -> str:
    """Share and count of leaky runs by group, as bars with words."""
    rows = "".join(
        f'<tr><th scope="row">{escape(each.title)}</th><td style="white-space:nowrap">{each.leaky} of {each.of}</td>'
        f'<td><div class="rk-sure" style="min-width:7rem"><div class="rk-bar" role="img" '
        f'aria-label="{percent(each.share)} leaky"><span style="width:{100 * each.share:.1f}%"></span></div>'
        f"<span>{percent(each.share)}</span></div></td></tr>"
        for each in shares
    )
    return (
        '<table class="rk-table" style="max-width:46rem" aria-label="Share of leaky runs"><thead><tr>'
        '<th scope="col">runs</th><th scope="col">leaky</th><th scope="col">share</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
