"""How many processor cores a process is told that it has."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from rekd.cores import cores


def test_without_a_way_to_ask_it_is_those_of_the_machine(monkeypatch):
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)
    assert cores() == psutil.cpu_count()


@pytest.mark.skipif(not hasattr(psutil.Process, "cpu_affinity"), reason="this system binds no process to cores")
def test_a_process_that_is_bound_to_one_core_has_one():
    bound = "import psutil; me = psutil.Process(); me.cpu_affinity(me.cpu_affinity()[:1])"
    one = f"{bound}; from rekd.cores import cores; print(cores())"
    assert subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True).stdout.split() == [
        "1"
    ]
