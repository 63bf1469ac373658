"""What a process of the background does before its work."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from rekd.training import child


@pytest.mark.parametrize("refused", [False, True])
def test_a_process_stands_back_where_the_system_lets_it(monkeypatch, refused):
    asked = []

    def nice(value):
        asked.append(value)
        if refused:
            raise psutil.AccessDenied()

    monkeypatch.setattr(child.sys, "platform", "linux")
    monkeypatch.setattr(child.psutil, "Process", lambda: SimpleNamespace(nice=nice))
    child.stand_back()
    assert asked == [child.NICENESS] and child.NICENESS > 0
