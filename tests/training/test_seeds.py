"""Seeds as people write them, in the form and on the command line."""

from __future__ import annotations

import pytest

from rekd.training.seeds import read_seeds, seeds_text


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("2026", (2026,)),
        ("2026, 2030", (2026, 2030)),
        ("2026-2028", (2026, 2027, 2028)),
        ("1–3;9", (1, 2, 3, 9)),
        ("4 4 4", (4,)),
    ],
)
def test_seeds_as_people_write_them(text, seeds):
    assert read_seeds(text) == seeds
    assert read_seeds(seeds_text(seeds)) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "1-", "3-1", "1-999", "99999999999", "1.5", "²"])
def test_seeds_that_are_none(text):
    with pytest.raises(ValueError, match="seeds"):
        read_seeds(text)
