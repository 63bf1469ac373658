"""A module of this project in a process of its own, which no Ctrl+C of ours reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
NICENESS = 10
"""Of a process that works in the background."""


def start_module(arguments: Sequence[str], settings: Mapping[str, str], **streams: Any) -> subprocess.Popen:
    """Start `python -m` with these arguments in a group of its own.

    Args:
        settings: environment variables over ours. streams: stdin, stdout and the like, as Popen takes them.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    windows = sys.platform == "win32"
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"} | settings,
        start_new_session=not windows,
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if windows else 0,
        **streams,
    )


def stand_back() -> None:
    """Let whoever looks at the app, or works beside it, come before this process; where that can't be, it goes on."""
    with suppress(psutil.Error, OSError):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else NICENESS)
