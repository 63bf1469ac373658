"""What every test may rely on: no network, no settings of the machine it runs on, one thread, seeded random numbers."""

from __future__ import annotations

import functools
import os
import sys

import pytest
from hypothesis import settings

# The same examples in every run, however slow the machine is; a failure can then be repeated anywhere.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


def _settle() -> None:
    """Runs before any other conftest.py and test module, and so before torch and transformers are imported."""
    for name in [name for name in os.environ if name.startswith(("REKD_", "STREAMLIT_"))]:
        del os.environ[name]
    # Whatever data a developer keeps beside the code, no test sees them.
    os.environ["REKD_OWN"] = os.path.join(os.path.dirname(__file__), "no-own-data")
    # A test that reaches for the Hub must fail here as it would on a laptop in a train.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Tiny models are fastest on one thread, and the order of sums then does not depend on the machine.
    os.environ["OMP_NUM_THREADS"] = "1"


_settle()

PROCESSES = ("test_cli_sweep.py", "test_processes.py", "test_runs.py", "test_sweep.py", "test_worker.py")
"""Files whose tests start processes of runs: one worker's, so that what these have in common is loaded once."""


def group_of(nodeid: str) -> str:
    """What one worker takes as a whole: a file, so that what its tests share is made once; all that drives a browser,
    since two browsers and two apps at once would be slower than one after the other; all that starts processes."""
    file = nodeid.split("::")[0]
    folder, _, name = file.rpartition("/")
    if folder.endswith("tests/browser"):
        return "browser"
    return "processes" if name in PROCESSES else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadgroup` the groups are those above; xdist 3.8 loses its own under pytest 9.2 (its issue 1386)."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Grouped(config, log)


def pytest_collection_modifyitems(config, items):
    """Tests marked `gpu` run where there is a CUDA device, and say so where there is none; `soak` where asked for.

    Several workers begin with the longest groups, so that what begins last is short.
    """
    import torch

    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: group_of(item.nodeid) not in ("browser", "processes"))
    if "soak" not in config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="long; ask for it by -m soak"))
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device; none is available here"))


@pytest.fixture(scope="session", autouse=True)
def scanned_once():
    """Every AppTest reads the metadata of all installed packages, to find components; they stay the same meanwhile."""
    if "streamlit.testing.v1" in sys.modules:  # a test that was collected imports it
        from streamlit.components.v2 import manifest_scanner

        with pytest.MonkeyPatch.context() as patch:
            scan = functools.cache(manifest_scanner.scan_component_manifests)
            patch.setattr(manifest_scanner, "scan_component_manifests", scan)
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def seeded():
    """Weights drawn in a test are the same in every run and in any order of the tests."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def itself():
    """Streamlit's AppTest leaves the script of a page as the main module, which spawned processes would run again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def at_home():
    """A test that leaves another working directory behind fails itself, and not whatever comes after it."""
    before = os.getcwd()
    yield
    after = os.getcwd()
    os.chdir(before)
    assert after == before, f"the test left the working directory at {after}"
