"""How many processor cores a process is told that it has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rekd import cores as module
from rekd.cores import cores


def test_without_a_way_to_ask_it_is_those_of_the_machine(monkeypatch):
    monkeypatch.delattr(module.os, "sched_getaffinity", raising=False)
    assert cores() == (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_a_process_that_is_bound_to_one_core_has_one():
    bound = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    one = f"{bound}; from rekd.cores import cores; print(cores())"
    assert subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True).stdout == "1\n"
