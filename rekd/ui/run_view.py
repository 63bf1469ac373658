"""One run: how it stands and what can be done with it, what goes wrong, its watched examples, its charts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import run_after, run_charts, run_watch, runs
from rekd.ui.components import plain
from rekd.ui.frame import page, part

if TYPE_CHECKING:
    from rekd.training.runs import Run

BEAT = 1.5
"""Seconds between two looks at a run that is at work."""
IDLE = 10.0
"""And at one that is not."""


def view(root: Path, name: str) -> None:
    """Draw a run by its folder's name; what changes while it trains redraws itself."""
    folder = root / name
    try:
        run = _found(root, name)
    except ValueError as fault:
        page("Train", "This run can't be shown")
        _back()
        st.error(plain(str(fault)), icon=":material/folder_off:")
        return
    page(f"{runs.title(run)} · Train", plain(runs.title(run)))
    _back()
    st.caption(plain(f"{runs.subtitle(run)} · {folder}"))
    live, seen = runs.active(run), _seen(run)
    followed = live or runs.silent(run)
    part(_standing, folder, seen, every=BEAT if followed else None)
    if not followed:
        part(_awake, folder, seen, every=IDLE)
    run_watch.watched(folder, live)
    part(run_charts.charts, folder, every=run_charts.BEAT if live else None)
    run_after.words(run)
    _settings(run)
    _log(folder)


def _found(root: Path, name: str) -> Run:
    """The run of this name in `root` and nowhere else; raises ValueError with a sentence where there is none."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(f"{name[:60]!r} is no name of a run. Choose one among all runs.")
    try:
        return runs.look(root / name)
    except FileNotFoundError as fault:
        raise ValueError(f"There is no run {name[:60]!r} here (any more). Choose one among all runs.") from fault
    except OSError as fault:  # a name that is too long, a folder that is closed to us
        raise ValueError(
            f"The run {name[:60]!r} can't be read ({fault.strerror}). Choose one among all runs."
        ) from fault


def _seen(run: Run) -> tuple[str, bool]:
    """What decides which parts are drawn and how often: how the run stands, and whether a failed one is alive."""
    return run.status.state, runs.silent(run)


def _back() -> None:
    st.button("All runs", icon=":material/arrow_back:", type="tertiary", key="v_back", on_click=runs.go)


def _standing(folder: Path, seen: tuple[str, bool]) -> None:
    """Progress, buttons and alarms; the page is drawn anew when the state has changed."""
    runs.arrive()
    try:
        run = runs.look(folder)
    except (OSError, ValueError):
        st.rerun()
    if _seen(run) != seen:
        st.rerun()
    st.html(runs.progress(run))
    _told(run)
    _buttons(run)
    _alarms(run)


def _awake(folder: Path, seen: tuple[str, bool]) -> None:
    """Nothing to be seen: somebody else may resume the run, and then the page is drawn anew."""
    try:
        if _seen(runs.look(folder)) != seen:
            st.rerun()
    except (OSError, ValueError):
        st.rerun()


def _told(run: Run) -> None:
    """What the run says of itself, and how long it may still take."""
    status = run.status
    if status.state == "running":
        left = runs.follower(str(run.folder.absolute())).seconds_left(run)
        speed = run.metrics[-1].get("examples_per_second") if run.metrics else None
        said = [f"{speed:,.0f} examples a second" if speed else status.message]
        said += [f"about {runs.duration(left)} left"] if left else []
        st.caption(plain(" · ".join(filter(None, said))))
    elif status.state == "failed":
        st.error(plain(status.message), icon=":material/error:")
    elif status.message:
        st.caption(plain(status.message))


STOPS = {
    "running": "It saves its state at its next line of metrics and ends; it can be resumed from there.",
    "queued": "It gives up its place in the queue, where it does nothing that could be lost. It can be resumed, at the "
    "end of the queue.",
}
"""What Stop does to a run in a state."""


def _buttons(run: Run) -> None:
    (state, silent), folder = _seen(run), run.folder
    with st.container(horizontal=True, vertical_alignment="center", key="v_buttons"):
        if state == "done":
            run_after.finished(run)
        if state in STOPS:
            asked = _asked(run)
            about = "It was asked to stop already; that takes a moment." if asked else STOPS[state]
            stop = {"help": about, "disabled": asked, "on_click": _stop, "args": (run, False)}
            st.button("Stop", icon=":material/stop_circle:", key="v_stop", **stop)
        if state == "stopping" or silent:
            end = {"help": "What it did since its last state is lost.", "on_click": _stop, "args": (run, True)}
            st.button("End it now", icon=":material/cancel:", key="v_end", **end)
        if state in ("stopped", "failed") and not silent:
            about = "It goes on from its last state, to the numbers of an unbroken run."
            st.button(
                "Resume",
                icon=":material/play_circle:",
                type="primary",
                key="v_resume",
                help=about,
                on_click=_resume,
                args=(folder,),
            )
        st.button(
            "Duplicate",
            icon=":material/content_copy:",
            key="v_duplicate",
            help="Opens the form with this run's settings, to change one and start it as a run of its own.",
            on_click=lambda: runs.go(**{"new": "1", "from": folder.name}),
        )
        if not runs.active(run) and not silent:
            run_after.deletion(run)


def _asked(run: Run) -> bool:
    """Whether this window asked the run to stop while it stood as now; a resumed run arrives anew in its queue."""
    return st.session_state.get("v_asked", {}).get(str(run.folder)) == (run.status.state, run.status.arrived)


def _stop(run: Run, now: bool) -> None:
    """Ask the run to stop, from a process of its own: it waits, and ends by force what does not answer."""
    from rekd.training.worker import stop_aside

    if not now and _asked(run):  # a second click that was on its way
        return
    try:
        stop_aside(run.folder, now)
    except OSError as fault:
        runs.say(f"The run could not be asked to stop ({fault}). Try again.", "error")
        return
    if not now:
        st.session_state.setdefault("v_asked", {})[str(run.folder)] = (run.status.state, run.status.arrived)
    runs.say("The run is being ended." if now else "The run was asked to stop.", "stop_circle")


def _resume(folder: Path) -> None:
    from rekd.training.worker import resume

    try:
        resume(folder)
    except (ValueError, OSError) as fault:
        runs.say(str(fault), "error")


def _alarms(run: Run) -> None:
    from rekd.training.alarms import alarms

    for alarm in alarms(run.config, run.metrics, run.status):
        show = st.error if alarm.grave else st.warning
        icon = ":material/notification_important:" if alarm.grave else ":material/notifications:"
        show(f"**{plain(alarm.title)}** {plain(alarm.says)}  \n{plain(alarm.suggestion)}", icon=icon)


def _settings(run: Run) -> None:
    with st.expander("Settings", icon=":material/tune:"):
        rows = "".join(f"| {plain(name)} | {plain(str(value))} |\n" for name, value in runs.settings(run).items())
        st.markdown(f"| setting | value |\n| --- | --- |\n{rows}")


def _log(folder: Path) -> None:
    with st.expander("Log", icon=":material/article:"):
        st.button("Read it again", icon=":material/refresh:", type="tertiary", key="v_log")
        _tail(folder)


def _tail(folder: Path) -> None:
    from rekd.training.causes import tail

    lines = tail(folder / "log.txt")
    st.code("\n".join(lines) or "The log is empty.", language=None, wrap_lines=True)
