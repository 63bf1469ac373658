"""Promotions as processes of their own: how each stands is a file in its first run's folder; read without torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from rekd import checkpoints
from rekd.config import choose
from rekd.files import write_json
from rekd.training.causes import tail
from rekd.training.child import start_module
from rekd.training.status import Status, birth, process_of

FILE = "promotion.json"
LOG = "promotion.log"
WORKING = "working"


@dataclass(frozen=True)
class Promotion:
    """How the last promotion of a run stands: working, done or failed.

    name: of the checkpoint. said: how it ended, as a sentence. pid, started: of its process, as in `Status`. begun: in
    Unix seconds.
    """

    name: str
    state: str
    said: str = ""
    pid: int = 0
    started: float = 0.0
    begun: float = 0.0


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def fault_of(name: str, root: Path | None = None) -> str:
    """Why no checkpoint can get this name in a folder, by default that of the shipped ones; "" where it can."""
    if name.startswith(("words-", ".")):
        return (
            f"The name {name} begins with {'words-' if name[0] == 'w' else 'a dot'}, and such folders are not listed: "
            "they hold word tables, or what is half written. Choose another name."
        )
    if not _NAME.fullmatch(name):
        return "A name has letters, digits, dots, dashes and underscores, and begins with a letter or digit."
    if ((root or checkpoints.shipped()) / name).exists():
        return f"There is a checkpoint {name} already; choose another name."
    return ""


def check(name: str, role: str = "", root: Path | None = None) -> None:
    """Refuse a promotion that could not end well, before anything is measured or written.

    Args:
        role: "" for the kind of the runs. root: the folder to publish in; None is that of the shipped checkpoints.

    Raises:
        ValueError: no checkpoint can get this name there, or there is no such role.
    """
    if fault := fault_of(name, root):
        raise ValueError(fault)
    if role:
        choose("role", role, checkpoints.ROLES)


def start_promotion(runs: Sequence[Path], name: str, role: str = "", note: str = "") -> None:
    """Start `python -m rekd promote` in a process of its own, which goes on when the page that asked is closed.

    It works where this process does, so that relative paths in its environment mean the same.

    Args:
        runs: folders; the first one's tells how the promotion stands. role, note: "" leaves them out.

    Raises:
        ValueError: the first run is being promoted, or as `check` says. OSError: it can't be started.
    """
    home = runs[0]
    if (now := read_promotion(home)) and now.state == WORKING:
        raise ValueError(f"{home.name} is being promoted as {now.name}; wait until that has ended.")
    check(name, role)
    arguments = ["rekd", "promote", *(str(run.absolute()) for run in runs), f"--name={name}"]
    arguments += [f"--{what}={value}" for what, value in (("role", role), ("note", note)) if value]
    with (home / LOG).open("wb") as log:
        child = start_module(arguments, {}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    _write(home, _begun(name, child.pid))  # libraries take it seconds to load before it says the same
    threading.Thread(target=child.wait, daemon=True).start()  # its starter takes note of its end, or it stays a zombie


def read_promotion(run: Path) -> Promotion | None:
    """How the last promotion of a run stands, failed where its process is gone without a word; None without one."""
    told = _read(run)
    if told is None or told.state != WORKING or process_of(Status("", pid=told.pid, started=told.started)):
        return told
    if _read(run) != told:  # it ended between the two looks, and said how
        return read_promotion(run)
    lines = tail(run / LOG)
    last = f"The last line of its log: {lines[-1]}" if lines else "Its log is empty: it was ended from outside."
    return replace(told, state="failed", said=f"The promotion as {told.name} ended without a result. {last}")


@contextmanager
def telling(run: Path, name: str) -> Iterator[Callable[[str], None]]:
    """Within, a run's folder says that it is being promoted, and afterwards how that ended.

    Yields:
        what takes the sentence of a good end.
    """
    mine, said = _begun(name, os.getpid()), [""]
    _write(run, mine)
    try:
        yield lambda sentence: said.append(sentence)
    except BaseException as error:
        why = " ".join(str(error).split()) or type(error).__name__
        _write(run, replace(mine, state="failed", said=f"The promotion as {name} failed. {why}"))
        raise
    _write(run, replace(mine, state="done", said=said[-1]))


def _begun(name: str, pid: int) -> Promotion:
    started = 0.0
    with suppress(psutil.Error):  # it has ended already
        started = birth(psutil.Process(pid))
    return Promotion(name, WORKING, pid=pid, started=started, begun=time.time())


def _read(run: Path) -> Promotion | None:
    try:
        return Promotion(**json.loads((run / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(run: Path, promotion: Promotion) -> None:
    with suppress(OSError):  # a promotion of runs that can't be written to is as good
        write_json(run / FILE, asdict(promotion))
