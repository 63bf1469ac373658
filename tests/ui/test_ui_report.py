"""The page of a record: exactly the text, nothing that runs or is fetched, small, and the same for the same record."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from PIL import Image
from records import LEAKS, explanation, model, record
from reports import WILD, Seen, harmless

from rekd.explanations.record import read, settled, to_json
from rekd.types import Score, Units
from rekd.ui import theme
from rekd.ui.report import LIMIT, page
from rekd.ui.report_charts import Bar, bars, clipped
from rekd.ui.report_figures import figures
from rekd.units import words


@settings(max_examples=60)
@given(WILD.filter(words))
@example("the the <b>the</b> the")
@example("<!-- </style></title><script>x</script> --> a")
@example("a\r\nb\rc\td \ud800e")
def test_every_passage_holds_exactly_the_text(text):
    seen = Seen(page(settled(record(text))))
    harmless(seen)
    shown = re.sub("[\ud800-\udfff]", "\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
    assert len(seen.passages) == 5, "three cards, one difference, one method"
    assert all(passage == shown for passage in seen.passages)


@settings(max_examples=40)
@given(WILD)
@example("javascript:alert(1)")
@example('" onload="alert(1)')
def test_no_name_or_sentence_can_put_anything_into_the_page(name):
    made = record("one two")
    wild = {"task": name, "classes": (name, name), "left_out": (name,), "address": name, "date": name}
    leaks = replace(LEAKS, rule=name, classes=(name, name))
    models = tuple(
        replace(each, name=name, title=name, row=name, hash=name, kind=name, note=name, masking=name, leaks=leaks)
        for each in made.models
    )
    details = {name: name, "baseline": name, "odd": None, "flag": True, "n": 12, "counted": name}
    method = replace(made.methods[0], name=name, help=name, shown=replace(made.methods[0].shown, details=details))
    score = replace(made.table.lines[0].scores[0], name=name, help=name)
    table = replace(made.table, judge=name, lines=(replace(made.table.lines[0], name=name, scores=(score,)),))
    made = replace(made, models=models, methods=(method,), table=table, versions={name: name}, **wild)
    made = settled(made)
    harmless(Seen(page(made)))
    for drawn in figures(made).values():
        ET.fromstring(drawn)


def test_the_page_forbids_itself_everything_but_its_own_styles_and_pictures():
    html = page(settled(record(None)))
    policy = Seen(html).attributes["content"]
    assert any("default-src 'none'" in value and "script-src" not in value for value in policy)
    assert "lang" in Seen(html).attributes and "<title>own/picture" in html
    alts = Seen(html).attributes["alt"]
    assert len(alts) == 5 and all("patches" in alt or "whole image" in alt for alt in alts)


@pytest.mark.parametrize("text", ["The story is slow, but warm.", None])
def test_the_page_of_what_was_read_again_is_the_same_byte_for_byte(text):
    made = settled(record(text))
    assert page(read(to_json(made))) == page(made)


def test_the_page_holds_where_it_all_comes_from():
    html = page(settled(record()))
    for said in ("0123456789abcdef", "2026-01-02T03:04:05", "rekd 0.1.0", "top-k", "Lime: too slow.", "says no"):
        assert said in html
    assert '<a href="http://localhost:8501/?task=tiny" rel="noreferrer">' in html
    hidden = page(settled(record(address="javascript:alert(1)")))
    assert "<a " not in hidden and "javascript:alert(1)" in hidden, "an address that is none is text"
    assert "Seen at" not in page(settled(record(address="")))


def test_a_model_whose_masks_leak_takes_its_flag_along():
    assert page(record()).count("⚑ swap +20.0 points") == 2, "teacher and RE; what reads everything has no masks"
    honest = tuple(replace(model, leaks=None) for model in record().models)
    assert "⚑" not in page(record(models=honest))


def test_a_view_of_one_model_without_methods_and_scores_is_a_page_too():
    made = record()
    html = page(settled(replace(made, models=made.models[1:2], methods=(), table=None, proof=None, left_out=())))
    assert "Difference" not in html and "Scores" not in html and "<h2>" not in html


def test_a_text_far_longer_than_any_review_stays_below_the_limit_and_says_so():
    text = "'" * 200_000 + " end"
    units = Units("words", ((0, 200_000), (200_001, 200_004)))
    models = tuple(model(slot, units, stop=len(text)) for slot in ("teacher", "cls", "re", "rekd"))
    methods = tuple(replace(record().methods[0], shown=explanation(units, "x", "Lime")) for _ in range(12))
    html = page(settled(record(text, models=models, methods=methods)))
    assert len(html.encode()) < LIMIT and "characters are drawn" in html


def test_a_large_picture_is_drawn_smaller_so_that_the_file_stays_small():
    pixels = np.random.default_rng(1).integers(0, 256, (384, 384, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    units = Units("patches", tuple((x, y, x + 96, y + 96) for y in range(0, 384, 96) for x in range(0, 384, 96)))
    models = tuple(model(slot, units) for slot in ("teacher", "cls", "re", "rekd"))
    made = record(None, models=models, methods=())
    made = settled(replace(made, input=replace(made.input, pictures=(held.getvalue(),))))
    html = page(made)
    assert len(html.encode()) < LIMIT and "of their size" in html


def test_the_figures_are_files_of_their_own():
    drawn = figures(settled(record(None)))
    pictures = [name for name in drawn if "tiny-" in name]
    assert len(pictures) == 4 and any(name.startswith("Deletion") for name in drawn)
    for source in drawn.values():
        root = ET.fromstring(source)
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("viewBox")
    assert not [name for name in figures(settled(record())) if "tiny-" in name]


def test_bars_are_as_long_as_their_values_on_one_scale():
    chart = bars("Two", [Bar("a", 0.5, "half"), Bar("b", -0.25, "less"), Bar("c", float("nan"), "none")], -0.5)
    widths = [float(width) for width in re.findall(r'<rect x="[^"]*" y="[^"]*" width="([\d.]+)"', chart.body)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2) and widths[2] < 1
    assert "c: none" in chart.alt


def test_small_scores_have_digits_and_bars_that_can_be_seen():
    made = record()
    lines = tuple(
        replace(line, scores=(Score("infidelity", value, "lower", 0, 1, ""),))
        for line, value in zip(made.table.lines, (0.0008, 0.0004, 0.0002), strict=False)
    )
    made = replace(made, table=replace(made.table, lines=lines))
    drawn = figures(made)
    name, chart = next((name, chart) for name, chart in drawn.items() if name.startswith("infidelity"))
    widths = [float(width) for width in re.findall(r'<rect x="[^"]*" y="[^"]*" width="([\d.]+)"', chart)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01) and widths[1] > 50
    assert name.endswith("up to 8.0·10⁻⁴") and "4.0·10⁻⁴" in chart and "8.0·10⁻⁴" in page(made)


def test_a_long_name_is_cut_by_the_room_it_takes():
    assert clipped("short") == "short"
    assert clipped("x" * 50, 10) == "x" * 9 + "…"
    assert len(clipped("中" * 50, 10)) <= 6


def test_the_colours_are_the_apps():
    html = page(settled(record()))
    for option in ("blueColor", "orangeColor"):
        for scheme in ("light", "dark"):
            assert theme._FALLBACK[f"theme.{scheme}.{option}"] in html
