"""What the page Results says in words: what is compared, what its numbers can't show, and where there are none yet."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.results.comparisons import Comparison
from rekd.results.published import SOURCE, published
from rekd.results.row import FOLDER, KINDS
from rekd.results.statistics import FEWEST, Difference
from rekd.ui.results_forest import Compared, points, told

if TYPE_CHECKING:
    from rekd.ui.results_read import Found

CLAIM = "REKD - RE"
LEAD = (
    "Teachers and students of our own code on real data, students over several seeds. Every model that selects reads "
    "**the same number of units** of an input (top-k at p), and its step was chosen on dev; **test was read once**."
)
INTERVALS = (
    "A dot is the mean difference over seeds that both rows have, in percentage points; its bar, with caps, the 95 % "
    "interval by Student's t. A hollow dot's interval reaches zero; a diamond is one pair, which has none. p is of the "
    f"exact test by changes of sign, given from {FEWEST} pairs on (five can't go below .06), and Holm's "
    "correction is over all that have one."
)
KNOW = (
    "**What is compared.** Accuracy under top-k at p, so each model of a task reads the same number of units k of an "
    "input (only the preset official has other units, on IMDB); the realised rate stands beside it. The control is a "
    "predictor trained on random masks of the same nominal rate: what it reaches, any 10 or 15 % would do. CLS from "
    "the teacher's predictions shows what distillation alone gives.",
    "**Splits.** The official ones; of the digits, which have none, fixed ones. One fixed part of the training split "
    "is dev, the same for teachers and students, and no run trains on it. The step is the best on dev; test is read "
    "once, after training.",
    "**Seeds.** Ten or five a student, five or one a teacher, two for learning rates; differences are paired by seed. "
    "Students learn from the teacher of the first seed, unless a row says otherwise, so that an interval tells of "
    "students and not of teachers. Own runs are beside the rows, never in them.",
    "**Data.** IMDB at 10 % of the words; CIFAR-10 and CIFAR-100 at 15 % of the patches, 32 px, patches of 4 px. "
    "CIFAR-100 means its 20 coarse classes, and 25,000 of its 50,000 training images, since so many were given to us. "
    "The digits are those of scikit-learn.",
    "**Preset official** is what the authors' code chooses, at our steps and learning rates: padding can be selected, "
    "unselected content is set to zero and not left out, the word table learns (so a model of two layers has 30.9 M "
    "parameters), and the mean number of units of a batch is held to the rate, no example's. Its masks are drawn at "
    "test time too, and its step was chosen under drawn ones; top-k gives it, of IMDB's 256 slots for word pieces, 26 "
    "of each text, long or short, which takes from a leaky run what it codes in their number.",
    "**The paper's numbers** are theirs: "
    f"{SOURCE}, means over ten seeds. Its vision models were pretrained and read CIFAR at 224 px; ours begin "
    "from random weights at 32 px, and their levels on CIFAR are far below. So look at gaps between kinds, not at "
    "parity.",
)


def what_to_know() -> None:
    st.subheader("What to know", anchor=False)
    st.markdown("\n".join(f"- {line}" for line in KNOW))


def nothing_yet(found: Found, home: Path) -> None:
    """The page without a file of results. found: what follows. home: the folder of runs."""
    st.markdown(
        "No run of the protocol is measured yet: every row of it (teachers, students of two sizes as CLS, RE and REKD, "
        "controls, ablations, rates) over several seeds, with differences, intervals, and the paper's numbers beside. "
        "Train and measure its first rows, which wants a GPU, then collect them:"
    )
    here = home.relative_to(Path.cwd()) if home.is_relative_to(Path.cwd()) else home
    collect = f"python -m rekd results collect {shlex.quote(str(here / FOLDER))}"
    st.code(f"python -m rekd results run headline\n{collect}", language="bash", wrap_lines=True)
    names = [name for name, held in (("the models in the box", found.box), ("your runs", found.own)) if held]
    if names:
        st.subheader(f"Until then: {' and '.join(names)}", anchor=False)
    if not found.own:
        st.caption("Runs that you train on the page Train appear here when they have ended.")


IN_THE_BOX = "Models *in the box* are single runs, measured when they were put there."
BESIDE_ROWS = (
    "Those listed so are of an earlier training and no runs of these rows, even where a name is the same; models that "
    "are runs of these rows are not listed once more."
)
BUDGETS = (
    "Below a row's name stand the steps of its runs, beyond those of a run that they start from, and the learning "
    "rate: kinds differ in both. Of the students, RE alone may stop early."
)


def columns(found: Found, boxed: bool) -> str:
    """What stands below the table. boxed: whether models in the box are in it."""
    said = ["± is the standard deviation over seeds. Leaky runs are in no mean unless it says so."]
    if boxed:
        said += [IN_THE_BOX, BESIDE_ROWS] if found.results else [IN_THE_BOX]
    if found.own:
        said.append("Your runs are marked *yours*; they are in no other row's mean.")
    if any(not result.report for result in found.own):
        said.append("One that is promoted (on the page Train) is read on test, and is on the chart below then.")
    if found.waiting:
        has, left = ("has", "is") if found.waiting == 1 else ("have", "are")
        said.append(f"{found.waiting} of your runs {has} not ended and {left} left out.")
    if found.results:
        said.append("The paper's numbers are of other, pretrained models, and in no mean.")
    return " ".join(said)


KINDS_TITLE = "Kinds of one size of model, REKD and RE first"
RANDOM_TITLE = "Against a predictor trained on random masks of the same nominal rate"
ABLATIONS_TITLE = "Ablations: against the student's own REKD, or RE"
OF_PART = {"rates": "At other rates", "ablations": ABLATIONS_TITLE}


def forests(held: Sequence[Comparison], titles: Mapping[str, str]) -> dict[str, list[Compared]]:
    """Title -> the lines of a forest plot, the claim first; controls are apart, since theirs is another scale."""
    out: dict[str, list[Compared]] = dict.fromkeys((KINDS_TITLE, RANDOM_TITLE, *OF_PART.values()))
    for each in sorted(held, key=lambda each: (each.title != CLAIM, each.part == "teachers")):
        usual = RANDOM_TITLE if each.title.endswith(KINDS["random"]) else KINDS_TITLE
        title = OF_PART.get(each.part, usual)
        out[title] = [*(out[title] or []), _line(each, titles)]
    return {title: lines for title, lines in out.items() if lines}


def _line(each: Comparison, titles: Mapping[str, str]) -> Compared:
    setting = each.setting if each.setting not in each.title else ""
    notes = [f"{titles.get(each.task, each.task)} · {each.size}", setting, _rates(each), _left_out(each)]
    label = each.title.replace(" - ", " − ")
    return Compared(label, each.accuracy, " · ".join(filter(None, notes)), each.title == CLAIM)


def _rates(each: Comparison) -> str:
    """How far the realised rates are apart, where that could matter."""
    if each.rate is None or each.rate.mean is None or abs(each.rate.mean) < 0.0005:
        return ""
    return f"realised rates differ by {points(each.rate.mean)} points"


def _left_out(each: Comparison) -> str:
    """Pairs that are not in the difference: leaky ones, and seeds of which a run is not there yet."""
    leaky = f"{each.leaky} leaky left out (with them {told(each.every)})" if each.leaky else ""
    to_come = f"{each.every.n} of {each.wanted} seeds so far" if each.every.n < each.wanted else ""
    return " · ".join(filter(None, [leaky, to_come]))


def beside_the_paper(held: Sequence[Comparison], titles: Mapping[str, str]) -> str:
    """Our differences of kinds beside those of the paper's models, task by task, and where the signs differ; "" where
    the paper has none of these tasks."""
    said = " ".join(filter(None, (_beside(kinds, held, titles) for kinds in (("rekd", "re"), ("rekd", "cls")))))
    return said and f"Beside the paper's own: {said}"


def _beside(kinds: tuple[str, str], held: Sequence[Comparison], titles: Mapping[str, str]) -> str:
    title, told, other = " - ".join(KINDS[kind] for kind in kinds), [], []
    for task in dict.fromkeys(each.task for each in held):
        kept = (each for each in held if each.task == task and each.title == title and not each.setting)
        ours = [each.accuracy.mean for each in kept if each.accuracy.mean is not None]
        theirs = _published(task, *kinds)
        if ours and theirs:
            told.append(f"{_range(ours)} on {titles.get(task, task)} (the paper's two models {_range(theirs)})")
            differs = {value > 0 for value in ours} != {value > 0 for value in theirs}
            other += [titles.get(task, task)] if differs else []
    signs = f"of another sign on {' and '.join(other)}" if other else "of the same sign"
    return f"{title.replace(' - ', ' − ')} is, in points, {', '.join(told)}: {signs}." if told else ""


def what_carries(held: Sequence[Comparison], titles: Mapping[str, str]) -> str:
    """What each part of REKD's loss comes to alone, student by student; "" where no student has both rows."""
    alone = {(each.task, each.size, each.setting): each.accuracy for each in held if each.part == "ablations"}
    said = []
    for task, size in dict.fromkeys(key[:2] for key in alone):
        first, second = (alone.get((task, size, part), Difference()) for part in ("rationale only", "prediction only"))
        if first.mean is None or second.mean is None:
            continue
        where = f"{titles.get(task, task)}, {size}"
        said.append(f"{told(first)} and {told(second)} points on {where}{_so(first, second)}")
    alone_are = (
        "The teacher's rationales alone, and its predictions alone, against REKD, which learns from both, at REKD's "
        "learning rate: "
    )
    return alone_are + "; ".join(said) + "." if said else ""


def _so(rationales: Difference, predictions: Difference) -> str:
    """What follows for a reader who expects both to help; "" where nothing does."""
    if None in (rationales.low, predictions.high) or predictions.high >= 0:
        return ""
    return (
        ", so the rationales do all of REKD's gain that can be seen" if rationales.low <= 0 <= rationales.high else ""
    )


def _published(task: str, first: str, second: str) -> list[float]:
    """The paper's differences between two kinds, of each of its students."""
    of = [{each.model: each.accuracy for each in published(task, kind) if not each.teacher} for kind in (first, second)]
    return [of[0][model] - of[1][model] for model in of[0] if model in of[1]]


def _range(values: Sequence[float]) -> str:
    low, high = points(min(values)), points(max(values))
    return low if low == high else f"{low} to {high}"


IN_WORDS = {KINDS_TITLE: beside_the_paper, ABLATIONS_TITLE: what_carries}
"""Title of a forest plot -> what stands below it in words."""
