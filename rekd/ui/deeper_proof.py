"""Proof: does what a model left out matter to it, does it follow the content or the mask, does its mask leak?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import attributing, cache, components, lineup, proof_draw, proof_runs, state
from rekd.ui.cards import budget
from rekd.ui.components import plain
from rekd.ui.leaks import leak_list, leaks
from rekd.ui.progress import Progress
from rekd.ui.proof_draw import Line

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.types import Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk
    from rekd.ui.proof_runs import Source

SHOWN = 3
PROVES = (
    "**What “exactly 0” proves.** No content of what was left out reaches the prediction: the logits are the same to "
    "the last bit, whatever stands there. A method that explains a model which reads everything can't promise that: "
    "the model reads what the method left out, and its logits move."
)
LEAVES_OPEN = (
    "**What it does not prove.** The mask stays, and its pattern may carry the class by itself; the second check asks "
    "for that. The selected units keep their positions. And the generator read the whole input to choose them."
)
SECOND = (
    "The same masks on inputs of other classes, stretched or squeezed to their length. A model that reads content says "
    "the content's class, as far as it can from places that were chosen for another input; one whose masks carry a "
    "code says the mask's class: what the model says from it on its own input, right or wrong. The contents are of "
    "other classes than that. Random masks of the same share are the control."
)
NO_REPORT = "No leak measures were stored with this checkpoint; python -m rekd evaluate takes them."


def section(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> None:
    """Draw both checks, row by row as they are computed, and what is stored about leaks."""
    from rekd.units import NothingToRead

    st.html(proof_draw.STYLE)
    st.subheader("Does what was left out matter?", anchor=False)
    selecting = {slot: item for slot, item in found.items() if item.rule != "all"}
    origin = _origin(desk)
    _draws(desk, origin)
    try:
        _strip(desk, drawing, selecting, origin)
        _first(desk, drawing, found, selecting, origin)
        if selecting:
            _second(desk, drawing, selecting, origin)
    except NothingToRead as nothing:  # of an input whose content was to be used
        st.info(plain(f"One of the other inputs can't be read. {nothing}"), icon=":material/edit:")
    _leaks(desk, selecting)


def _origin(desk: Desk) -> Source:
    from rekd.data import DataBroken, DataMissing

    try:
        with st.spinner("Reading other inputs …"):
            return proof_runs.source(desk)
    except (DataMissing, DataBroken) as fault:
        st.warning(plain(str(fault)), icon=":material/database_off:")
        return proof_runs.unlabelled(desk.modality)


def _draws(desk: Desk, origin: Source) -> None:
    st.segmented_control(
        "Scrambled inputs",
        state.DRAWS,
        help="How many times the content is replaced, and on how many other inputs the mask is laid.",
        **state.widget("draws", desk.view.draws),
    )
    st.caption(plain(_whose(desk, origin)))


def _whose(desk: Desk, origin: Source) -> str:
    """Where the other content comes from, in words."""
    if not origin.data:
        return (
            "No data set of these labels is at hand, so the patches left out are filled with the pixels of this very "
            f"picture in another order, each time anew (seed {desk.view.seed})."
        )
    title = desk.specs[origin.data].title
    kind = "built-in " if not origin.labelled else "test "
    return (
        f"What was left out is filled with what stands at the same place in other inputs: {kind}examples of {title}, "
        f"drawn with seed {desk.view.seed}, another one each time. Where there are fewer, one that returns begins "
        "elsewhere."
    )


def _strip(desk: Desk, drawing: Drawing, selecting: Mapping[str, Explanation], origin: Source) -> None:
    """The input and the first scrambled ones, as one of the models sees them."""
    slot = next((slot for slot in ("rekd", "re", "teacher") if slot in selecting), None)
    if slot is None:
        return
    info, item, example, view = desk.chosen[slot], selecting[slot], drawing.subject.example, desk.view
    shown = proof_runs.samples(info, example, item, origin, view.draws, view.seed, SHOWN)
    tone, read = lineup.TONES[slot], cache.reading(info, example)
    if example.text is None:
        st.html(proof_draw.picture_strip(item, tone, read.pictures[0], shown, info.name))
    else:
        st.html(proof_draw.text_strip(item, tone, example.text, read.stops[0], shown, info.name))


def _first(desk: Desk, drawing: Drawing, found, selecting: Mapping[str, Explanation], origin: Source) -> None:
    lines: list[Line] = []
    alarms, table = st.container(), st.empty()  # a failed check is seen before the numbers
    caption = "Check 1: what was left out holds other content"
    for waiting, line in _lines(desk, drawing, found, selecting, origin):
        if line is None:
            table.html(proof_draw.movements([*lines, waiting], caption))
            continue
        lines.append(line)
        table.html(proof_draw.movements(lines, caption))
        if not line.whole and line.movement.tested and not line.movement.exact:
            alarms.error(plain(proof_draw.alarm(line.name, line.movement)), icon=":material/emergency_home:")
    read = [line.movement.draws for line in lines if line.whole and line.movement]
    if read and read[0] < desk.view.draws:
        st.caption(f"A model that reads whole texts takes longer: it reads the first {read[0]} of {desk.view.draws}.")
    proves, leaves = st.columns(2)
    proves.markdown(PROVES)
    leaves.markdown(LEAVES_OPEN)


def _lines(desk: Desk, drawing: Drawing, found, selecting, origin: Source) -> Iterator[tuple[Line, Line | None]]:
    """Each row twice: as it waits, with None, then with what was found."""
    view, example, names = desk.view, drawing.subject.example, lineup.row_names(desk.chosen)
    for slot, item in selecting.items():
        info = desk.chosen[slot]
        line = Line(names[slot], f"{info.name}, reads its rationale alone", components.units_of(item.units))
        yield line, None
        with st.spinner(f"{info.name} reads scrambled inputs …"):
            moved = proof_runs.moved(info, example, item, origin, view.draws, view.seed, False)
        yield line, replace(line, movement=moved)
    if view.explain in found:
        yield from _explained(desk, drawing, found, selecting, origin)


def _explained(desk: Desk, drawing: Drawing, found, selecting, origin: Source) -> Iterator[tuple[Line, Line | None]]:
    """The rows of the model that methods explain: it reads everything, whatever is kept."""
    from rekd.explanations.attributions import DoesNotFit

    view, example, info = desk.view, drawing.subject.example, desk.chosen[desk.view.explain]
    draws = max(state.DRAWS[0], view.draws // proof_runs.SLOWER[desk.modality])
    words = components.units_of(cache.reading(info, example).units[0])
    for name, make in _kept_by(desk, drawing, found, selecting):
        line = Line(name, f"{info.name}, reads everything", words, whole=True)
        yield line, None
        try:
            item = make()
        except DoesNotFit as reason:
            yield line, replace(line, fault=str(reason))
            continue
        except (ValueError, RuntimeError, MemoryError) as fault:  # a foreign model, or memory: say it, and go on
            yield line, replace(line, fault=f"{name} can't explain {info.name}: {fault}")
            continue
        with st.spinner(f"{info.name} reads scrambled inputs, {name} kept …"):
            moved = proof_runs.moved(info, example, item, origin, draws, view.seed, True)
        yield line, replace(line, movement=moved)


def _kept_by(desk: Desk, drawing: Drawing, found, selecting) -> Iterator[tuple[str, Callable[[], Explanation]]]:
    """What is kept of the input that the explained model reads whole: (name, how to get it), the cheapest first."""
    view, example, info = desk.view, drawing.subject.example, desk.chosen[desk.view.explain]
    read, (k, _) = cache.reading(info, example), budget(desk, found)
    target = desk.classes.index(view.target) if view.target else None
    names = lineup.row_names(desk.chosen)
    slot = next((slot for slot in ("rekd", "re", "teacher") if slot in selecting and slot != view.explain), None)
    if slot:
        yield f"{names[slot]}'s rationale", lambda: proof_runs.carried(selecting[slot], read)
    yield f"{components.units_of(read.units[0])} at random", lambda: proof_runs.at_random(read, k, view.seed)
    for name in sorted(view.methods, key=lambda name: attributing.passes(info, example, name)):
        place = st.empty()
        heard = Progress(place, name, attributing.passes(info, example, name))
        yield name, partial(attributing.attribution, info, example, name, k, view.seed, target, heard=heard)
        place.empty()


def _second(desk: Desk, drawing: Drawing, selecting: Mapping[str, Explanation], origin: Source) -> None:
    st.markdown("**Check 2: the mask stays, the content is another input's**")
    if not origin.labelled:
        st.caption("It needs inputs of other classes, and no data set with these models' labels is at hand.")
        return
    st.caption(SECOND)
    view, example, names = desk.view, drawing.subject.example, lineup.row_names(desk.chosen)
    for slot, item in selecting.items():
        info, label = desk.chosen[slot], item.prediction.label
        with st.spinner(f"{info.name} reads other inputs under this mask …"):
            found = proof_runs.followed(info, example, item, label, origin, view.draws, view.seed)
        if found is None:
            st.caption(plain(f"{names[slot]}: there is no other input of another class than {desk.classes[label]}."))
        else:
            st.html(proof_draw.followed(names[slot], found, desk.classes, label))
            _as_a_rule(info)
    st.caption(
        f"One random mask an input, seed {view.seed}; ± is the standard deviation of such a count. An honest mask may "
        "speak for its class by where it lies, as in the sky; whether a model's masks do so as a rule stands below."
    )


def _as_a_rule(info: Info) -> None:
    """One input's masks may look honest where the model's are not: say so beside them."""
    from rekd.measures.verdict import SWAP_BOUND

    report = leaks(info.metrics)
    if report is not None and not report.honest:
        swap = f"{100 * report.swap:+.1f} points over random masks, bound {100 * SWAP_BOUND:.0f}"
        st.caption(f":red[⚑ As a rule {plain(info.name)} does follow the mask: over the whole test split {swap}.]")


def _leaks(desk: Desk, selecting: Mapping[str, Explanation]) -> None:
    """What was measured of each model's masks over a whole test split, and where an exhibit of a leak is."""
    if not selecting:
        return
    st.markdown("**Over a whole test split: what do the masks give away?**")
    names, parts = lineup.row_names(desk.chosen), []
    for slot in selecting:
        info = desk.chosen[slot]
        report = leaks(info.metrics)
        body = components.note(NO_REPORT) if report is None else leak_list(report)
        tags = ["exhibit"] if info.role == "exhibit" else []
        parts.append(components.toned(lineup.TONES[slot], components.head(names[slot], info.name, tags), body))
    st.html(f'<div class="rk-leaks">{"".join(parts)}</div>')
    if hint := _exhibit(desk):
        st.caption(plain(hint))


def _exhibit(desk: Desk) -> str:
    """How to look at a model whose masks do leak; empty where there is none, or one is shown."""
    exhibits = [info for info in desk.infos if info.role == "exhibit"]
    if not exhibits or any(info.role == "exhibit" for info in desk.chosen.values()):
        return ""
    here = [info for info in exhibits if info.task == desk.view.task]
    names = " or ".join(info.name for info in here or exhibits)
    task = "" if here else f"the task {exhibits[0].task} and there "
    return f"To see masks that leak, choose {task}{names} under “Models compared”."
