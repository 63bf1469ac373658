"""CSV files of a record: every unit with every model's numbers, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import explanation, painted, record

from rekd.explanations.spreadsheet import table_csv, units_csv
from rekd.types import Units
from rekd.units import words


def rows(data: bytes) -> list[list[str]]:
    assert data.startswith("\ufeff".encode()), "Excel takes a file without the mark for another encoding"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_line_a_unit_with_its_place_its_text_and_every_models_numbers():
    head, *lines = rows(units_csv(record("Slow, but warm.")))
    assert head[:4] == ["index", "start", "stop", "unit"]
    assert head[4:] == [
        *("TEACHER P(select)", "TEACHER mask", "RE P(select)", "RE mask"),
        *("FeatureAblation score", "FeatureAblation mask"),
    ]
    assert [line[3] for line in lines] == ["Slow", ",", "but", "warm", "."]
    assert lines[0] == ["0", "0", "4", "Slow", "0.9", "1", "0.9", "1", "0.9", "1"]
    assert lines[1][4:6] == ["0.25", "0"]


def test_units_that_a_model_did_not_read_have_empty_cells():
    made = record("Slow, but warm.")
    short = explanation(Units("words", words("Slow,")), "tiny-re")
    made = replace(made, models=(*made.models[:2], replace(made.models[2], shown=short)))
    _, *lines = rows(units_csv(made))
    assert len(lines) == 5 and lines[1][6:8] == ["0.25", "0"] and lines[3][6:8] == ["", ""]


def test_patches_have_boxes():
    head, *lines = rows(units_csv(record(None)))
    assert head[:5] == ["index", "left", "top", "right", "bottom"]
    assert lines[3][:5] == ["3", "4", "4", "8", "8"]


@pytest.mark.parametrize("text", ["Slow, but warm.", None])
def test_what_was_painted_has_a_column_of_its_own(text):
    made = record(text)
    head, *lines = rows(units_csv(replace(made, painted=painted(made.models))))
    assert head[-1] == "painted" and [line[-1] for line in lines] == ["0"] * (len(lines) - 1) + ["1"]
    assert "painted" not in rows(units_csv(made))[0]


def test_units_that_the_painted_reading_does_not_have_are_neither_painted_nor_left_out():
    made = record("Slow, but warm.")
    short = explanation(Units("words", words("Slow,")), "tiny-re")
    made = replace(made, models=(*made.models[:2], replace(made.models[2], shown=short)))
    _, *lines = rows(units_csv(replace(made, painted=painted(made.models))))
    assert [line[-1] for line in lines] == ["0", "1", "", "", ""]


def test_the_table_has_judge_class_and_spread():
    head, *lines = rows(table_csv(record()))
    assert head == [*("mask", "remark", "control", "judge", "class scored", "units"), "sufficiency", "sufficiency sd"]
    assert lines[0] == ["RE", "says no", "0", "tiny-cls", "yes", "2", "-0.125", "0.5"]
    assert rows(table_csv(record(table=None)))[1:] == []


@given(st.sampled_from(["=", "+", "-", "@", "＝", "＋", "－", "＠", "\u00a0="]), st.text(max_size=12))
def test_no_cell_can_be_taken_for_a_formula(sign, rest):
    name = sign + rest.replace("\0", "")
    made = record("one two")
    made = replace(made, models=tuple(replace(each, row=name) for each in made.models), classes=("no", name))
    made = replace(made, table=replace(made.table, lines=(replace(made.table.lines[0], name=name, remark=name),)))
    for data in (units_csv(made), table_csv(made)):
        for cell in (cell for line in rows(data) for cell in line):
            number = cell.replace(".", "").replace("e", "").replace("-", "").isdecimal()
            assert number or not cell.lstrip("\u00a0 ").startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")), cell


@pytest.mark.parametrize("word", ["=1+2", "@SUM(A1)", "-2"])
def test_a_word_of_the_text_that_looks_like_a_formula_is_disarmed(word):
    units = Units("words", ((0, len(word)),))
    made = record(word)
    made = replace(made, models=(replace(made.models[0], shown=explanation(units, "x")),), methods=())
    assert rows(units_csv(made))[1][3] == f"'{word}"
