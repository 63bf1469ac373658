"""A library's error in one line."""

from __future__ import annotations

import pytest

from rekd.errors import reason


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError("\n gone\nand more "), "gone"), (ValueError(" \n"), "ValueError"), (KeyError(), "KeyError")],
)
def test_the_first_line_or_the_kind(error, said):
    assert reason(error) == said
