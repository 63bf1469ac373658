"""A run's own name, note and role, in about.json of its folder, which keeps its name: a process may write there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rekd.config import TrainConfig
from rekd.files import read_json, write_json

ABOUT = "about.json"
NAME, NOTE = 80, 4000
"""Most characters of either."""
TEACHER = "teacher"
ROLES = {"teacher": "Teacher", "cls": "CLS", "re": "RE", "rekd": "REKD", "random": "Random masks"}
"""What a run can be for, and how it is called."""


@dataclass(frozen=True)
class About:
    """What a person said of a run. name: one line, any signs, "" for none. note: lines of plain text.

    role: "teacher" of a run that is to teach, "" where its kind says all.
    """

    name: str = ""
    note: str = ""
    role: str = ""


def read_about(run: Path) -> About:
    """A run's name, note and role; empty where nothing was said, or where the file is damaged."""
    try:
        values = read_json(run / ABOUT)
    except (OSError, ValueError):
        return About()
    said = (value if isinstance(value := values.get(key), str) else "" for key in ("name", "note", "role"))
    name, note, role = said
    return About(_line(name)[:NAME], note[:NOTE], role if role == TEACHER else "")


def write_about(run: Path, name: str | None = None, note: str | None = None, role: str | None = None) -> About:
    """Say some of it anew; None leaves what was said, "" takes it back.

    Raises:
        ValueError: one is too long. FileNotFoundError: the run's folder is gone.
    """
    if not run.is_dir():
        raise FileNotFoundError(f"{run} is no longer there; it was deleted or moved. Look among the deleted runs.")
    old = read_about(run)
    about = checked(old.name if name is None else name, old.note if note is None else note)
    about = replace(about, role=old.role if role is None else role)
    if about != old:
        write_json(run / ABOUT, asdict(about))
    return about


def checked(name: str, note: str) -> About:
    """A name and a note as they are kept.

    Raises:
        ValueError: one is too long.
    """
    about = About(_line(name), _plain(note).strip())
    for what, said, most in (("name", about.name, NAME), ("note", about.note, NOTE)):
        if len(said) > most:
            raise ValueError(
                f"The {what} has {len(said):,} characters; a run's {what} has at most {most:,}. Shorten it."
            )
    return about


def called(run: Path) -> str:
    """What a run is called: its name, or its folder's where it has none."""
    return read_about(run).name or run.name


def named(run: Path) -> str:
    """A run's name with its folder's, which tells it from others of that name and finds it again."""
    return f"{name} ({run.name})" if (name := read_about(run).name) else run.name


def role_of(run: Path, config: TrainConfig) -> str:
    """What a run is for, of ROLES: a teacher where that was said of one that selects, else its kind."""
    teaches = config.kind in ("re", "rekd") and read_about(run).role == TEACHER
    return TEACHER if teaches else config.kind


def title_of(config: TrainConfig, role: str = "") -> str:
    """The name that a run gets where a person gives none, such as "RE · digits · seed 2026"."""
    return f"{ROLES[role or config.kind]} · {config.task} · seed {config.seed}"


def _line(text: str) -> str:
    return " ".join(_plain(text).split())


def _plain(text: str) -> str:
    """The text as UTF-8 can hold it: half a sign, as a terminal may pass it on, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
