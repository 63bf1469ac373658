"""What the page Train knows of runs: each followed once for all who watch, and the ways between its views."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rekd.files import read_json
from rekd.training.about import ROLES, TEACHER, called, read_about, role_of
from rekd.training.status import ACTIVE, alive
from rekd.ui.components import percent, plain

if TYPE_CHECKING:
    from rekd.training.follow import Follower
    from rekd.training.runs import Run

SIGNS = {
    "queued": ("hourglass_empty", "waits for its turn"),
    "running": ("play_circle", "trains"),
    "stopping": ("pause_circle", "saves its state and stops"),
    "done": ("check_circle", "done"),
    "stopped": ("stop_circle", "stopped"),
    "failed": ("error", "failed"),
}
"""State -> its sign and its words."""
KINDS = {"cls": "CLS", "re": "RE", "rekd": "REKD", "random": "random"}


@st.cache_resource(max_entries=200, show_spinner=False)
def follower(folder: str) -> Follower:
    """The one reader of a run's folder on this server."""
    from rekd.training.follow import Follower

    return Follower(Path(folder))


def look(folder: Path) -> Run:
    """A run as it stands now; raises OSError or ValueError where there is none (any more), or it can't be read."""
    return follower(str(folder.absolute())).look()


def everything(root: Path) -> tuple[list[Run], list[str]]:
    """All runs, the newest first, and a sentence for each folder that holds a damaged one."""
    from rekd.training.runs import all_runs

    return all_runs(root, look)


def active(run: Run) -> bool:
    return run.status.state in ACTIVE


def silent(run: Run) -> bool:
    """Whether a run stands as failed while its process is there: it hangs, and can only be ended."""
    return run.status.state == "failed" and alive(run.folder) is not None


def go(**params: str) -> None:
    """The callback of every way to another view: the address is exactly `params`."""
    st.query_params.from_dict(params)
    st.session_state["t_moved"] = True


def say(text: str, icon: str) -> None:
    """Leave word of what a callback did; it is shown by the next part that is drawn, since callbacks draw nothing."""
    st.session_state["t_said"] = (plain(text), f":material/{icon}:")


def arrive() -> None:
    """To be called first by the page and every part that redraws itself.

    A click in such a part that leads elsewhere redraws the page; what a callback left word of is shown.
    """
    if st.session_state.pop("t_moved", False):
        st.rerun()
    if said := st.session_state.pop("t_said", None):
        st.toast(said[0], icon=said[1])


def title(run: Run) -> str:
    """What a run is called on the page."""
    return called(run.folder)


def apart(found: Sequence[Run]) -> dict[Path, str]:
    """Folder -> what its run is called among these: where several share a name, with the end of its folder's."""
    titles = [title(run) for run in found]
    return {
        run.folder: f"{name} · {_end_of(run)}" if titles.count(name) > 1 else name
        for run, name in zip(found, titles, strict=True)
    }


def _end_of(run: Run) -> str:
    """The part of a folder's name that tells a run from others of its task and kind: the time."""
    return run.folder.name.removeprefix(f"{run.config.task}-{run.config.kind}-")


def subtitle(run: Run) -> str:
    """Role, data and chance of a run in a few words."""
    at = f" · on {run.status.device}" if run.status.device else ""
    return f"{role(run)} · {run.config.task} · seed {run.config.seed}{at}"


def role(run: Run) -> str:
    """What a run is for, and of what kind it is where that says more: "Teacher (RE)"."""
    kind, what = KINDS[run.config.kind], role_of(run.folder, run.config)
    return f"{ROLES[what]} ({kind})" if what == TEACHER else kind


def arrived(run: Run) -> str:
    """Where and when a run was started, in a few words."""
    began = run.status.arrived or _created(run.folder)
    when = time.strftime("%d %b, %H:%M", time.localtime(began)) if began else ""
    return " · ".join(filter(None, [run.status.device, when]))


def _created(folder: Path) -> float:
    """When a run was made, in Unix seconds, 0 where nobody knows: one that `train` starts arrives in no queue."""
    try:
        made = read_json(folder / "config.json").get("created")
    except (OSError, ValueError):
        return 0.0
    return float(made) if isinstance(made, int | float) else 0.0


def short(run: Run) -> str:
    """What the list says beside a run's title: what it is, unless a person named it, and when it was started."""
    config, own = run.config, read_about(run.folder).name
    kind = "" if own else f"{role(run)} · seed {config.seed}"
    return " · ".join(filter(None, [kind, arrived(run)]))


def progress(run: Run) -> str:
    """How far a run is: sign, bar and numbers as HTML."""
    status, best = run.status, run.best
    share = min(1.0, reached(run) / max(1, status.steps))
    words = SIGNS[status.state][1]
    numbers = [f"step {reached(run):,} of {status.steps:,}"]
    if best:
        numbers.append(f"best dev accuracy {best['dev_accuracy']:.3f}")
    told = escape(" · ".join(numbers))
    return (
        f'<div class="rk-run"><span class="rk-state rk-state-{status.state}">{words}</span>'
        f'<div class="rk-bar" role="img" aria-label="{percent(share)} done"><span style="width:{100 * share:.1f}%">'
        f'</span></div><span class="rk-note">{told}</span></div>'
    )


def reached(run: Run) -> int:
    """Steps done, from whichever of status and metrics is newer; a run that was killed lost what its state lacks."""
    last = int(run.metrics[-1]["step"]) if run.metrics else 0
    return max(last, run.status.step) if active(run) else run.status.step


def counted(count: int, what: str) -> str:
    """A number of things in words: 1 step, 1,000 steps."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time that is left, in the words of a person who waits."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86400:.0f} days"


def settings(run: Run) -> dict[str, Any]:
    """A run's configuration without what it leaves open."""
    return {name: value for name, value in run.config.to_dict().items() if value not in ("", (), {}, None)}
