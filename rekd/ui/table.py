"""The score table: its rows arrive with what they score, the controls stay last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import cache, components, lineup, scores
from rekd.ui.components import TOOLS, Row, plain
from rekd.ui.moves import measured

if TYPE_CHECKING:
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk

COLUMN_HELP = {
    "sufficiency": "How much probability the judge loses when it sees the marked units alone.",
    "comprehensiveness": "How much probability the judge loses when the marked units are taken away.",
    "AOPC": "The mean of the same over the best 1, 5, 10, 20 and 50 % of the units, by P(select) or a method's score.",
    "deletion and insertion AUC": "The mean probability while units leave, or come, the best first; the random control "
    "is what any order is to be held against.",
    "infidelity": "How far the scores, scaled as well as can be, miss what the judge loses when random squares of "
    "patches, or runs of words, are removed.",
    "max-sensitivity": "The largest relative change of the scores when the input moves a little; of a rationale, that "
    "of P(select) without noise.",
    "IoU with teacher": "Units marked by both over units marked by either.",
    "unit F1": "Against the planted or human rationale: the balance of what was found and what was marked in vain.",
    "AUPRC": "Against the same, whatever the budget: how well the scores rank it first.",
}


class ScoreTable:
    """Scores of masks, all cut to k units, under one judge; drawn where it is made, from the first rows on.

    cards: what the models selected, by slot; the teacher's is what the others are compared with.
    """

    def __init__(self, desk: Desk, drawing: Drawing, cards: Mapping[str, Explanation], k: int):
        self.desk, self.example, self.k = desk, drawing.subject.example, k
        self.rows: list[Row] = []
        self.controls: list[Row] = []
        self.items: dict[str, Explanation] = {}
        self.more = tuple(name for name in scores.MORE if getattr(desk.view, name))
        self.place, self.failed = st.container(), False
        names = lineup.row_names(desk.chosen)
        masks = {names[slot]: scores.cut(item, k) for slot, item in cards.items() if item.rule != "all"}
        self.teacher = masks.get(names.get("teacher", ""))
        if masks:
            self.add(masks)

    def add(self, items: Mapping[str, Explanation]) -> None:
        """Score masks under these names and draw the table again; a judge that can't be loaded is said once."""
        from rekd.checkpoints import CheckpointError

        if self.failed:
            return
        try:
            self._begin()
            self._score({name: scores.cut(item, self.k) for name, item in items.items()})
            self._controls()
        except CheckpointError as fault:
            self.failed = True
            self.place.error(plain(str(fault)), icon=":material/folder_off:")
        else:
            self._draw(stars=False)

    def finish(self) -> None:
        """Draw the best of each column, the curves, and what the numbers mean, once all rows are there."""
        if self.failed or not self.rows:
            return
        with self.place:
            moved = measured(self.desk, self.example, self.items)
        self.rows = [
            replace(row, scores={**row.scores, **({score.name: score} if (score := moved.get(row.name)) else {})})
            for row in self.rows
        ]
        self._draw(stars=True)
        with self.place:
            st.caption(self._judged())
            if "curves" in self.more:
                self._curves()
            with st.expander("What the columns mean", icon=":material/help:"):
                st.markdown("\n".join(f"- **{column}**: {text}" for column, text in COLUMN_HELP.items()))

    def _curves(self) -> None:
        from rekd.measures.faithfulness import curves
        from rekd.ui.score_charts import curve_chart

        ask, units = cache.asked(self.desk.judge, self.example), self.read.units[0]
        rows = {
            name: curves(ask, scores.align(item.scores, item.units, units, scores.UNREAD), self.target)
            for name, item in self.items.items()
        }
        figure = curve_chart(rows, self.desk.judge.name, self.desk.classes[self.target])
        alt = f"Probability of {self.desk.classes[self.target]} while units leave and come, for {', '.join(rows)}."
        st.plotly_chart(figure, key="curves", config=TOOLS, alt=alt)

    def _begin(self) -> None:
        if self.rows:
            return
        self.place.subheader("Scores", anchor=False)
        self.drawn = self.place.empty()
        self.said = cache.opinion(self.desk.judge, self.example)
        self.read = cache.reading(self.desk.judge, self.example)
        target = self.desk.view.target
        self.target = self.desk.classes.index(target) if target else self.said.label

    def _score(self, items: Mapping[str, Explanation]) -> None:
        judge, classes = self.desk.judge, self.desk.classes
        self.items |= items
        for name, item in items.items():
            reference = None if item is self.teacher else self.teacher
            beside = tuple(other for other in items.values() if other is not item)
            told = item.prediction is not None and item.prediction.label != self.target
            numbers = cache.score(judge, self.example, item, self.target, reference, self.more, beside)
            self.rows.append(Row(name, numbers, f"says {classes[item.prediction.label]}" if told else ""))

    def _controls(self) -> None:
        if self.controls:
            return
        judge, k = self.desk.judge, min(self.k, len(self.read.units[0]))
        numbers = cache.score_random(judge, self.example, k, self.target, self.teacher, self.more)
        self.controls.append(Row("random", numbers, f"control, mean ± sd of {scores.DRAWS}", control=True))
        if self.desk.modality == "image":
            middle = scores.centred_item(self.read, k)
            numbers = cache.score(judge, self.example, middle, self.target, self.teacher, self.more)
            self.controls.append(Row("centred", numbers, "control", control=True))

    def _draw(self, stars: bool) -> None:
        units = self.read.units[0]
        share = f"{min(self.k, len(units))} of {len(units)} {components.units_of(units)}"
        caption = f"Every mask cut to the same {share}, seen by the judge {self.desk.judge.name}"
        self.drawn.html(components.table([*self.rows, *self.controls], caption, stars))

    def _judged(self) -> str:
        desk = self.desk
        own = "" if desk.view.target else ", its own prediction"
        seen = " This judge selects by itself; here every unit is visible to it." if desk.judge.config.selects else ""
        return (
            f"Scored is the judge's probability of “{plain(desk.classes[self.target])}”{own} "
            f"({components.percent(self.said.probs[self.target])} on the whole input). "
            f"★ marks the best value of a column.{seen}"
        )
