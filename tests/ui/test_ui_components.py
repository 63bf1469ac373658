"""Cards and the score table in words: right and wrong without colour, the best value found by its direction."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rekd.types import Explanation, Prediction, Score, Units
from rekd.ui import components
from rekd.ui.components import Row


def score(value: float, better: str = "higher", name: str = "x") -> Score:
    return Score(name, value, better, 0, 1, "help & more")


def item(mask) -> Explanation:
    units = Units("words", tuple((i, i + 1) for i in range(len(mask))))
    return Explanation("rationale", "m", units, (0.5,) * len(mask), tuple(mask), "calibrated", 0)


def test_right_and_wrong_are_words_and_absent_without_a_label():
    said = Prediction((0.2, 0.8))
    assert "✓ right" in components.verdict(said, ("no", "yes"), 1)
    assert "✗ wrong" in components.verdict(said, ("no", "yes"), 0)
    assert "right" not in components.verdict(said, ("no", "yes"), None).replace("rk-", "")


def test_class_names_are_escaped_and_the_runner_up_is_named():
    block = components.verdict(Prediction((0.2, 0.5, 0.3)), ("a", "<b>", "c & d"), None)
    assert "<b>" not in block and "&lt;b&gt;" in block
    assert "then c &amp; d" in block


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0"),
        (0.001, "<1"),
        (0.004999, "<1"),
        (0.5, "50"),
        (0.994, "99"),
        (0.9951, ">99"),
        (0.99999, ">99"),
        (1.0, "100"),
    ],
)
def test_a_share_is_never_rounded_to_a_certainty(value, printed):
    assert components.percent(value) == f"{printed}\u00a0%"


def test_counts_name_their_unit():
    assert "<b>1</b> of 4 words selected (25\u00a0%)" in components.counted(item([True, False, False, False]))
    assert "<b>1</b> of 1 word marked" in components.counted(item([True]), "marked")
    whole = replace(item([True] * 4), rule="all")
    assert "reads all <b>4</b> words" in components.counted(whole)
    assert "reads the first <b>4</b> words" in components.counted(whole, cut=True)


def test_names_from_a_checkpoint_are_escaped():
    for block in (
        components.head("<i>", "<script>", ["<u>"]),
        components.facts({"<a>": "<script>"}),
        components.note("<script>"),
        components.table([Row("<script>", {"<b>": score(1)}, "<i>")], "<u>"),
    ):
        assert not re.search(r"<(script|i|u|a|b)>", block)


def test_the_best_value_is_by_direction_starred_and_never_a_control():
    rows = [
        Row("a", {"up": score(0.5), "down": score(0.5, "lower"), "flat": score(0.5, "neither")}),
        Row("b", {"up": score(0.7), "down": score(0.2, "lower"), "flat": score(0.9, "neither")}),
        Row("random", {"up": score(0.9), "down": score(0.1, "lower")}, control=True),
    ]
    assert components.best(rows, "up") == {"b"}
    assert components.best(rows, "down") == {"b"}
    assert components.best(rows, "flat") == set()
    table = components.table(rows, "caption")
    assert table.count("★") == 2
    assert "↑ higher is better" in table and "↓ lower is better" in table


def test_values_that_print_alike_share_the_star():
    rows = [Row("a", {"x": score(0.50004)}), Row("b", {"x": score(0.49996)}), Row("c", {"x": score(0.4)})]
    assert components.best(rows, "x") == {"a", "b"}
    assert components.best(rows[:2], "x") == set(), "where all tie nothing is best"


def test_a_column_of_small_numbers_shows_their_digits():
    rows = [
        Row("a", {"x": Score("x", 0.00042, "lower", 0, 1, "", 0.0031), "y": score(0.25)}),
        Row("b", {"x": score(0.00038, "lower"), "y": score(0.0004)}),
        Row("c", {"x": score(0.0, "lower"), "y": score(0.5)}, control=True),
    ]
    table = components.table(rows, "c")
    assert "4.2·10⁻⁴" in table and "± 3.1·10⁻³" in table and "★ 3.8·10⁻⁴" in table
    assert ">0.000<" in table, "nothing at all is 0"
    assert "0.250" in table and "0.000" in table.split("3.8·10⁻⁴")[1], "a column with large numbers keeps decimals"
    assert components.best(rows, "x") == {"b"}


@pytest.mark.parametrize(
    ("value", "tiny", "said"),
    [(0.5, False, "0.500"), (-0.0001, False, "0.000"), (-0.25, False, "−0.250"), (-0.00123, True, "−1.2·10⁻³")],
)
def test_numbers_are_written_alike_everywhere(value, tiny, said):
    assert components.number(value, tiny) == said


def test_a_single_row_is_best_of_nothing_and_nan_never_wins():
    assert components.best([Row("a", {"x": score(1)})], "x") == set()
    assert components.best([Row("a", {"x": score(float("nan"))}), Row("b", {"x": score(0.1)})], "x") == set()
    assert "–" in components.table([Row("a", {"x": score(float("nan"))})], "c")


def test_a_missing_cell_is_a_dash_and_a_spread_is_printed():
    rows = [Row("teacher", {"x": score(1)}), Row("re", {"x": score(0.5), "y": score(-0.25)})]
    table = components.table(rows, "c")
    assert '<td title="not defined here">–</td>' in table
    assert "−0.250" in table
    spread = Row("random", {"x": Score("x", 0.1, "higher", 0, 1, "", 0.02)}, control=True)
    assert "± 0.020" in components.table([spread], "c")


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize("show", ["mask", "select", "difference"])
def test_every_view_has_a_legend(show, image):
    assert components.legend(show, image).count("rk-key") >= 2


def test_markdown_signs_of_a_name_are_switched_off():
    assert components.plain("a*b_[c](d) $x$ :red[y]") == r"a\*b\_\[c\]\(d\) \$x\$ \:red\[y\]"
