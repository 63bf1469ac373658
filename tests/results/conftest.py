"""What tests of the results share."""

from __future__ import annotations

import pytest

# Imports stand in the fixture: tests/conftest.py settles the number of threads before torch is loaded.


@pytest.fixture
def small_rows(monkeypatch):
    """The small protocol in place of the real one."""
    from results.small import ROWS

    from rekd.results import items, protocol

    monkeypatch.setattr(items, "rows", lambda: ROWS)
    monkeypatch.setattr(protocol, "rows", lambda: ROWS)
