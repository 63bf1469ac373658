"""A module of this project in a process of its own, which no Ctrl+C of ours reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


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
