"""A run's own name and note, in about.json of its folder. The folder keeps its name: a process may write there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rekd.files import read_json, write_json

ABOUT = "about.json"
NAME, NOTE = 80, 4000
"""Most characters of either."""


@dataclass(frozen=True)
class About:
    """What a person said of a run. name: one line, any signs, "" for none. note: lines of plain text."""

    name: str = ""
    note: str = ""


def read_about(run: Path) -> About:
    """A run's name and note; empty where nothing was said, or where the file is damaged."""
    try:
        values = read_json(run / ABOUT)
    except (OSError, ValueError):
        return About()
    name, note = (value if isinstance(value := values.get(key), str) else "" for key in ("name", "note"))
    return About(_line(name)[:NAME], note[:NOTE])


def write_about(run: Path, name: str | None = None, note: str | None = None) -> About:
    """Say one or both anew; None leaves what was said, "" takes it back.

    Raises:
        ValueError: one is too long. FileNotFoundError: the run's folder is gone.
    """
    if not run.is_dir():
        raise FileNotFoundError(f"{run} is no longer there; it was deleted or moved. Look among the deleted runs.")
    old = read_about(run)
    about = checked(old.name if name is None else name, old.note if note is None else note)
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


def _line(text: str) -> str:
    return " ".join(_plain(text).split())


def _plain(text: str) -> str:
    """The text as UTF-8 can hold it: half a sign, as a terminal may pass it on, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
