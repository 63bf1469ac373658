"""The watched examples of a run: their masks and predictions at any snapshot, with a scrubber and a play button."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rekd.ui import components, figures, runs
from rekd.ui.components import plain
from rekd.ui.frame import part

if TYPE_CHECKING:
    from rekd.training.runs import Run
    from rekd.training.snapshots import Shot, Snapshot, Watched, WatchedExample

PLAY = 0.45
"""Seconds a snapshot is shown while it plays."""
BEAT = 2.0
SHOWS = {"mask": "Selected", "select": "P(select)", "difference": "Difference to the teacher"}


def watched(folder: Path, live: bool) -> None:
    """Draw the film of a run; `live` follows it as it grows."""
    playing = _plays(folder)
    part(_film, folder, playing, every=PLAY if playing else BEAT if live else None)


def _plays(folder: Path) -> bool:
    return st.session_state.get("m_playing", "") == folder.name


def _film(folder: Path, playing: bool) -> None:
    from rekd.training.snapshots import read_snapshot, read_watched, steps

    if _plays(folder) != playing:
        st.rerun()  # the pace at which this part is drawn is set outside of it
    st.subheader("Watched examples", anchor=False)
    try:
        seen, run = read_watched(folder), runs.look(folder)
    except (OSError, ValueError) as fault:
        st.warning(plain(str(fault)), icon=":material/broken_image:")
        return
    found = steps(folder)
    if seen is None or not found:
        st.caption("They appear when the run has read its data and taken the first look.")
        return
    step = _scrubber(folder, found, playing)
    try:
        shot = read_snapshot(folder, step, seen)
        show = _switch(run, bool(seen.teacher))
        film = _grid(run, seen, shot, show)
    except FileNotFoundError:  # no rerun: that may not be asked for while the whole page is drawn
        st.caption(f"The snapshot after step {step:,} is gone: a resumed run went back behind it. Choose another one.")
        return
    except ValueError as fault:
        st.warning(plain(str(fault)), icon=":material/broken_image:")
        return
    st.caption(plain(_caption(run, shot, seen)))
    st.html(film)


@dataclass
class Reel:
    """Where a film stands in one window. at: the step shown. follow: the latest is shown as it comes.

    turn: counts the times that the program moved the slider. Each gives it a new key, since a browser that is slow to
    hear of a move would send the old place back, and that is not to be taken for somebody's wish.
    """

    at: int = 0
    follow: bool = True
    turn: int = 0

    def move(self, step: int) -> None:
        if step != self.at:
            self.at, self.turn = step, self.turn + 1


def _scrubber(folder: Path, found: tuple[int, ...], playing: bool) -> int:
    """The slider over the snapshots with its buttons; returns the step that is shown."""
    reel: Reel = st.session_state.setdefault(f"m_reel_{folder.name}", Reel())
    if playing:
        reel.move(next((step for step in found if step > reel.at), found[-1]))
    elif reel.follow or reel.at not in found:
        reel.move(found[-1])
    with st.container(horizontal=True, vertical_alignment="bottom", key="scrubber"):
        label, sign = ("Pause", "pause") if playing else ("Play", "play_arrow")
        st.button(label, icon=f":material/{sign}:", key="m_play", on_click=_play, args=(folder.name, reel, found))
        _place(folder.name, reel, found, playing)
        st.button("Latest", icon=":material/last_page:", key="m_latest", on_click=_latest, args=(reel,))
    if playing and reel.at == found[-1]:
        st.session_state.pop("m_playing", None)
        reel.follow, reel.turn = True, reel.turn + 1
        st.rerun()
    return reel.at


def _place(name: str, reel: Reel, found: tuple[int, ...], playing: bool) -> None:
    """The slider; while it plays, or where there is one snapshot alone, how far the film is."""
    if playing or len(found) < 2:
        st.progress((found.index(reel.at) + 1) / len(found), f"After step {reel.at:,}")
        return
    key = f"m_step_{name}_{reel.turn}"
    about = "Drag, or use the arrow keys, to see the masks form."
    st.select_slider(
        "After step", found, reel.at, "{:,}".format, key=key, help=about, on_change=_hold, args=(reel, found, key)
    )


def _play(name: str, reel: Reel, found: tuple[int, ...]) -> None:
    if st.session_state.pop("m_playing", "") == name:  # pause
        return
    st.session_state["m_playing"], reel.follow = name, False
    if reel.at == found[-1]:
        reel.move(found[0])


def _hold(reel: Reel, found: tuple[int, ...], key: str) -> None:
    """Whoever moves the slider keeps what is seen there, but for its end, which follows the run."""
    reel.at = st.session_state[key]
    reel.follow = reel.at == found[-1]


def _latest(reel: Reel) -> None:
    st.session_state.pop("m_playing", None)
    reel.follow = True


def _switch(run: Run, taught: bool) -> str:
    if run.config.kind not in ("re", "rekd"):
        return "mask"
    offered = [name for name in SHOWS if name != "difference" or taught]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state.setdefault("m_show", "mask")
        if st.session_state["m_show"] not in offered:
            st.session_state["m_show"] = "mask"
        st.segmented_control(
            "Show", offered, format_func=SHOWS.get, key="m_show", required=True, label_visibility="collapsed"
        )
    return st.session_state["m_show"] or "mask"


def _caption(run: Run, shot: Snapshot, seen: Watched) -> str:
    config = run.config
    said = [f"Rows of dev, after {shot.step:,} of {config.steps:,} steps"]
    if shot.tau is not None:
        said.append(f"temperature {shot.tau:.2f}")
    if config.kind in ("re", "rekd"):
        said.append(f"masks are the top {config.rate:.0%} of P(select)")
    right = sum(_said(one) == example.label for one, example in zip(shot.shots, seen.examples, strict=True))
    said.append(f"{right} of {len(seen.examples)} right")
    return " · ".join(said)


def _said(shot: Shot) -> int:
    return max(range(len(shot.probs)), key=shot.probs.__getitem__)


def _grid(run: Run, seen: Watched, snapshot: Snapshot, show: str) -> str:
    """A card an example, its teacher's view in it, as HTML: four in a row, long texts two.

    Raises:
        ValueError: a picture is missing or damaged.
    """
    wide = 2 if seen.examples and seen.examples[0].text is not None else 4
    teachers = seen.teacher or (None,) * len(seen.examples)
    cards = [
        _card(run, seen, example, shot, teacher, show)
        for example, shot, teacher in zip(seen.examples, snapshot.shots, teachers, strict=True)
    ]
    return f'<div class="rk-film rk-film-{wide}">{"".join(cards)}</div>'


def _card(run: Run, seen: Watched, example: WatchedExample, shot: Shot, teacher: Shot | None, show: str) -> str:
    from rekd.types import Prediction

    name = f"dev {example.row} · label {seen.classes[example.label]}"
    reference = teacher.selected if teacher and teacher.places is None else None
    kind, own = run.config.kind, show if reference or show != "difference" else "mask"
    changed = _changed(example.image) if example.image else 0
    mine = _drawn(kind, example, changed, shot, "student", own, reference)
    said = components.verdict(Prediction(shot.probs), seen.classes, example.label)
    parts = [f'<div class="rk-film-head">{components.escape(name)}</div>', said, mine]
    if teacher:
        beside = "select" if show == "select" else "mask"
        spoken = f"Teacher: {seen.classes[_said(teacher)]}, {components.percent(max(teacher.probs))}"
        parts.append(
            components.toned("teacher", f'<div class="rk-film-teacher">{components.escape(spoken)}</div>')
            + _drawn(kind, example, changed, teacher, "teacher", beside, None)
        )
    return f'<div class="rk-film-card">{"".join(parts)}</div>'


@lru_cache(maxsize=2000)
def _drawn(
    kind: str, example: WatchedExample, changed: int, shot: Shot, tone: str, show: str, reference: tuple | None
) -> str:
    """The example under one shot, as HTML; kept, since a film is looked at more than once. changed: its picture."""
    from rekd.types import Explanation, Units

    places = shot.places or example.places
    mask = tuple(number in set(shot.selected) for number in range(len(places)))
    scores = shot.scores or tuple(map(float, mask))
    units = Units(example.units, places)
    item = Explanation(tone, tone, units, scores, mask, "top-k", _said(shot))
    if kind == "cls":
        show = "whole"
    elif not shot.scores:
        show = "mask"
    other = tuple(number in set(reference) for number in range(len(places))) if reference is not None else None
    label = f"{tone if tone == 'teacher' else runs.KINDS[kind]}, dev row {example.row}"
    if example.text is None:
        drawn = figures.on_image(picture(str(example.image), changed), item, label, tone, show, other)
    else:
        drawn = figures.on_text(example.text, example.stop, item, label, tone, show, other)
    return components.toned(tone, drawn)


@st.cache_resource(max_entries=400, show_spinner=False)
def picture(path: str, changed: int) -> np.ndarray:
    """The pixels (H, W, 3) uint8 of a watched image.

    Args:
        changed: when its file was, in nanoseconds: another run may have had the folder before.

    Raises:
        ValueError: it is damaged, or gone.
    """
    from rekd.pictures import open_image

    try:
        return open_image(Path(path).read_bytes(), path).pixels
    except OSError as error:
        raise _lost(Path(path), error) from error


def _changed(image: Path) -> int:
    try:
        return image.stat().st_mtime_ns
    except OSError as error:
        raise _lost(image, error) from error


def _lost(image: Path, error: OSError) -> ValueError:
    return ValueError(
        f"{image} can't be read ({error.strerror}), so the film can't be drawn. The run wrote the picture when it "
        "began; copy it back from where you have it."
    )
