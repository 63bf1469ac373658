"""The report's sections about a painted mask and the proof: what they say, and nothing that runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from explore import text_of
from hypothesis import given, settings
from records import LEAKS, explanation, model, painted, proof, record
from reports import WILD, Seen, harmless

from rekd.explanations.record import Record, read, settled, to_json
from rekd.types import Units
from rekd.ui.report import LIMIT, page
from rekd.ui.report_figures import figures
from rekd.units import words


def full(text: str | None = "The story is slow.", label: int = 0) -> Record:
    made = record(text)
    return settled(replace(made, painted=painted(made.models, label)))


def section(html: str, title: str) -> str:
    """What a section says, from its heading to the next."""
    return " ".join(text_of(html.split(f"<h2>{title}</h2>")[1].split("<h2>")[0]).split())


def test_how_many_predictions_break_and_each_against_its_own():
    said = section(page(full()), "A mask painted by hand")
    assert said.startswith("3 of 3 predictions break. 1 of 5 words painted")
    assert said.count("✗ breaks the prediction yes, 75 % from its own mask") == 2
    assert "✗ breaks the prediction yes, 75 % from the whole input" in said, "CLS has no mask of its own"
    held = section(page(full(label=1)), "A mask painted by hand")
    assert held.startswith("All 3 predictions hold.") and "breaks the prediction" not in held


def test_the_table_has_every_mask_and_marks_whose_it_is_and_what_breaks():
    html = page(full())
    table = html.split('class="rk-table rk-whose"')[1].split("</table>")[0]
    first, last = re.findall(r"<tr>(<th scope=.row.*?)</tr>", table)
    assert text_of(first).split()[:2] == ["TEACHER's", "mask"] and first.count("rk-diagonal") == 1
    assert first.count(">own<") == 1 and "breaks" not in first
    assert text_of(last).split()[:5] == ["painted", "1", "of", "5", "words"] and last.count(">breaks<") == 3
    assert first.count("✗ wrong") == 3 and "✗ wrong" not in last, "the true class is “no”"


def test_the_painted_words_alone_are_marked_on_the_whole_text():
    html = page(full()).split("<h2>A mask painted by hand</h2>")[1]
    passage = html.split('class="rk-text')[1].split("</div>")[0]
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", passage) == ["."]
    assert Seen(page(full())).passages == ["The story is slow."] * 6


def test_a_painted_picture_has_its_words_and_is_a_figure():
    made = full(None)
    alts = Seen(page(made)).attributes["alt"]
    assert [alt for alt in alts if alt.startswith("A mask painted by hand: 1 of 4 patches selected. Row 2: 2.")]
    assert "A mask painted by hand" in figures(made) and "A mask painted by hand" not in figures(record(None))


def test_nothing_is_said_of_painting_where_nobody_painted_and_of_a_proof_that_was_not_made():
    html = page(settled(record(proof=None)))
    assert "painted" not in text_of(html.split("</style>")[1]) and "left out matter" not in html


def test_exactly_zero_with_what_it_proves_and_what_not():
    said = section(page(full()), "Does what was left out matter?")
    assert "filled with the words of other texts: 20 times, drawn with seed 3" in said
    assert said.count("✓ exactly 0 0 of 20 3 of 5 words 88 %") == 2
    assert "What it does not prove." in said and "fails the check" not in said


@pytest.mark.parametrize("largest", [1e-7, float("nan")])
def test_logits_that_moved_are_an_alarm(largest):
    made = record()
    html = page(settled(replace(made, proof=proof(made.models, largest))))
    assert html.count('class="rk-alarm"') == 2 and "TEACHER fails the check" in html
    assert "✓ exactly 0" not in html


@pytest.mark.parametrize("text", ["The story is slow.", None])
def test_the_page_of_what_was_read_again_is_the_same_byte_for_byte(text):
    made = full(text)
    assert page(read(to_json(made))) == page(made)


@settings(max_examples=30)
@given(WILD, WILD.filter(words))
def test_no_name_and_no_text_can_put_anything_into_either_section(name, text):
    made = record(text)
    leaks = replace(LEAKS, classes=(name, name))
    models = tuple(replace(each, name=name, row=name, leaks=leaks) for each in made.models)
    made = replace(made, models=models, classes=(name, name), proof=proof(models, 0.5, content=name, data=name))
    drawn = painted(models)
    made = settled(replace(made, painted=replace(drawn, others=(replace(drawn.others[0], name=name),))))
    seen = Seen(page(made))
    harmless(seen)
    assert len(seen.passages) == 6 and len(set(seen.passages)) == 1


def test_a_long_text_stays_below_the_limit_with_a_painting_too():
    text = "'" * 200_000 + " end"
    units = Units("words", ((0, 200_000), (200_001, 200_004)))
    models = tuple(model(slot, units, stop=len(text)) for slot in ("teacher", "cls", "re", "rekd"))
    methods = tuple(replace(record().methods[0], shown=explanation(units, "x", "Lime")) for _ in range(12))
    html = page(settled(record(text, models=models, methods=methods, painted=painted(models))))
    assert len(html.encode()) < LIMIT
    assert "characters are drawn" in html.split("<h2>A mask painted by hand</h2>")[1].split("<h2>")[0]
