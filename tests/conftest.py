"""What every test may rely on: no network, no settings of the machine it runs on, one thread, seeded random numbers."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples in every run, however slow the machine is; a failure can then be repeated anywhere.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


def pytest_configure():
    """Runs before any test module, and so before torch and transformers are imported."""
    for name in [name for name in os.environ if name.startswith(("REKD_", "STREAMLIT_"))]:
        del os.environ[name]
    # Whatever data a developer keeps beside the code, no test sees them.
    os.environ["REKD_OWN"] = os.path.join(os.path.dirname(__file__), "no-own-data")
    # A test that reaches for the Hub must fail here as it would on a laptop in a train.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Tiny models are fastest on one thread, and the order of sums then does not depend on the machine.
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(config, items):
    """Tests marked `gpu` run where there is a CUDA device, and say so where there is none; `soak` where asked for.

    Of several workers one takes a file, and one all that drives a browser: two browsers and two apps at once would be
    slower than one after the other.
    """
    import torch

    for item in items:
        alone = "browser" if item.get_closest_marker("browser") else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(alone))
    if "soak" not in config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="long; ask for it by -m soak"))
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device; none is available here"))


@pytest.fixture(autouse=True)
def seeded():
    """Weights drawn in a test are the same in every run and in any order of the tests."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def at_home():
    """A test that leaves another working directory behind fails itself, and not whatever comes after it."""
    before = os.getcwd()
    yield
    after = os.getcwd()
    os.chdir(before)
    assert after == before, f"the test left the working directory at {after}"
