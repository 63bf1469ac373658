"""How many processor cores a process is told that it has."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from rekd.cores import cores

BOUND = """
import sys
import psutil
from rekd.cores import cores
this = psutil.Process()
this.cpu_affinity(this.cpu_affinity()[:1])
sys.exit(cores() != 1)
"""


def test_without_a_way_to_ask_it_is_those_of_the_machine(monkeypatch):
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)
    assert cores() == psutil.cpu_count()


@pytest.mark.skipif(not hasattr(psutil.Process, "cpu_affinity"), reason="this system binds no process to cores")
def test_a_process_that_is_bound_to_one_core_has_one():
    assert subprocess.run([sys.executable, "-c", BOUND]).returncode == 0
