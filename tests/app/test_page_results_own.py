"""The page Results: a person's own runs and the models in the box, beside the results or before there are any."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from explore import blocks, picked, said, sound, text_of
from results.made import made
from results_page import forests, looked_at, own, page, rows

from rekd import checkpoints
from rekd.files import write_json
from rekd.results.record import write_results
from rekd.ui.results_state import student_key

SHIPPED = Path(__file__).parents[2] / "checkpoints"


@pytest.fixture
def box(file, monkeypatch):
    """The models that come with the project."""
    from rekd.ui import cache

    monkeypatch.setenv("REKD_CHECKPOINTS", str(SHIPPED))
    monkeypatch.setattr("rekd.ui.results_read.infos", cache.infos)


def test_until_there_are_results_the_models_in_the_box_stand_side_by_side(root, box):
    at = page(root, task="digits", run="digits-rekd")
    assert "Until then: the models in the box" in [each.value for each in at.subheader]
    top = checkpoints.read_info(SHIPPED / "digits-rekd").metrics["rules"]["top-k"]
    held = rows(at)
    assert set(held) >= {"digits-cls", "digits-random", "digits-re", "digits-rekd", "digits-teacher"}
    assert "*in the box* are single runs" in said(at)
    assert "in the box" in held["digits-rekd"] and f"{top['accuracy']:.3f}" in held["digits-rekd"]
    assert f"{100 * top['rate']:.1f}" in held["digits-rekd"]
    assert f"{top['accuracy']:.3f} at" in looked_at(at) and not forests(at)
    assert re.search(r"CLS 0\.\d{3} reading all \(1 seed\)", said(at)), "a line in the chart"
    selected = next(block for block in blocks(at) if "rk-selected" in block)
    assert "lowest class rate" in selected and "certainty" not in selected, "no column of dashes alone"
    assert "no honest run" in rows(page(root, task="cifar10"))["cifar10-leaky-re"]
    picked(at, "r_explore").click()
    assert sound(at.run()).query_params["task"] == "digits"


def test_what_models_in_the_box_are_is_said_where_the_table_has_some(root, box, many):
    assert "are single runs" in said(page(root, task="cifar10", part="all"))
    assert "are single runs" not in said(page(root, task="cifar100"))


def test_models_in_the_box_are_no_rows_of_a_part_and_stand_below_what_says_so(root, box, many):
    at = page(root, task="digits", part="rates")
    assert "No row of this part is left" in said(at) and "digits-re" in rows(at)
    parts = [button.label for button in at.button if button.key.startswith("r_part_")]
    assert parts == ["The digits in the box, which can be run again without data or a GPU"]


def test_a_model_in_the_box_whose_run_is_among_the_results_is_shown_once(root, box, many, everything):
    assert "digits-rekd" in rows(page(root, part="all"))
    hash_ = checkpoints.read_info(SHIPPED / "digits-rekd").hash
    write_results(many, [replace(everything[0], hash=hash_), *everything[1:]])
    held = rows(page(root, part="all"))
    assert "digits-rekd" not in held and "digits-re" in held
    yours = rows(page(root, part="yours"))
    assert "own-seed-1" in yours and "digits-re" not in yours


def test_own_runs_stand_in_the_same_table_and_say_what_they_were_measured_on(root, house, many):
    own(root, house)
    own(root, house, "at-work", state="stopped")
    at = page(root)
    held = rows(at)
    assert "yours" in held["mine"] and "0.540 on dev, not read on test" in held["mine"]
    assert "at-work" not in held and "1 of your runs has not ended and is left out" in said(at)
    write_json(root / "mine" / "evaluation.json", {**made().report, "task": "digits"})
    assert "0.880" in rows(sound(at.run()))["mine"] and "on dev" not in rows(at)["mine"]


def test_without_a_file_own_runs_are_shown_alone_and_open(root, house, file):
    own(root, house, report=made().report)
    at = page(root, run="mine")
    assert "No run of the protocol is measured yet" in said(at) and list(rows(at)) == ["mine"] and not forests(at)
    assert picked(at, "r_explore").label == "Open in Explore"
    picked(at, "r_explore").click()
    assert sound(at.run()).query_params["task"] == "digits"


def test_an_own_run_whose_weights_are_among_the_results_is_shown_once(root, house, file):
    hash_ = checkpoints.read_info(own(root, house) / "checkpoint").hash
    write_results(file, [made("cifar10-64x3-re", 2026, 0.7, 0.15, hash=hash_)])
    assert "mine" not in rows(page(root))


def test_what_can_not_be_read_is_told_and_the_rest_is_shown(root, house, file):
    file.write_bytes(b"no parquet")
    (own(root, house, "bad") / "evaluation.json").write_text("{")
    own(root, house)
    at = page(root)
    told = said(at).replace("\\", "")
    assert "holds no results that can be read" in told and "bad is left out" in told and list(rows(at)) == ["mine"]


def test_names_from_outside_are_text(root, house, many):
    own(root, house, "a <b>bold name", report=made().report)
    at = page(root, run="a <b>bold name", student=student_key("digits", "0.0 M parameters"))
    assert not any("<b>bold" in block for block in blocks(at)) and "a <b>bold name" in text_of("".join(blocks(at)))


def test_the_file_is_read_again_when_it_changed(root, file):
    write_results(file, [made(accuracy=0.8)])
    at = page(root)
    write_results(file, [made(accuracy=0.9), made(seed=2027, accuracy=0.9)])
    assert "0.900" in rows(sound(at.run()))["imdb-2-layers-re"]
