"""Take away on the page: files of what is shown, the same as the command line's, and the way back from a file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from explore import REVIEW, cards, opened, picked, png, reopened, sound
from taken import alike, command, give, said, taken

from rekd.explanations.record import read, to_json

__all__ = ["taken"]


def test_the_page_offers_files_and_a_figure(taken):
    at = opened(deeper="take", own="1", text=REVIEW, task="imdb")
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels == ["Page (HTML)", "Record (JSON)", "Units (CSV)", "Scores (CSV)", "Figure (SVG)"]
    assert all(button.proto.ignore_rerun for button in at.get("download_button"))
    record = taken[-1]
    assert [model.slot for model in record.models] == ["teacher", "cls", "re", "rekd"]
    assert [method.name for method in record.methods] == ["FeatureAblation"]
    assert [line.name for line in record.table.lines] == ["Teacher", "RE", "REKD", "FeatureAblation", "random"]
    assert record.address.startswith("http") and "deeper=take" in record.address
    assert all(model.name in text for model, text in zip(record.models, cards(at), strict=True))


@pytest.mark.parametrize("rule", ["calibrated", "sampled"])
def test_a_text_gives_the_same_record_on_the_page_and_on_the_command_line(taken, rule):
    opened(deeper="take", own="1", text=REVIEW, task="imdb", rule=rule, seed="5", curves="1", methods="KernelShap")
    theirs = command(text=REVIEW, task="imdb", rule=rule, seed=5, methods="KernelShap", more="curves")
    assert alike(taken[-1]) == alike(theirs)
    assert taken[-1].table.lines[0].curves is not None


def test_a_picture_gives_the_same_record_on_the_page_and_on_the_command_line(taken, tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(png())
    at = opened(deeper="take", own="1", task="digits")
    at.file_uploader(key="w_file").set_value(("red.png", png(), "image/png"))
    sound(at.run())
    assert alike(taken[-1]) == alike(command(image=path, task="digits"))


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_a_file_opens_the_view_that_it_was_made_of(taken, task):
    at = opened(task="digits", deeper="take", example="3", rule="sampled", seed="9", show="difference", aopc="1")
    if task == "imdb":
        at = opened(task="imdb", deeper="take", own="1", text=REVIEW, rule="top-k", re="imdb-rekd", target="positive")
    made, shown = taken[-1], cards(at)
    other = opened(task="digits", deeper="take", example="7", methods="-")
    give(other, to_json(made))
    assert cards(other) == shown and alike(taken[-1]) == alike(made)
    assert "view.json is open" in said(other)
    assert cards(reopened(other)) == shown, "the address must be that of the view"
    picked(other, "w_rule").set_value("threshold")
    assert "view.json is open" not in said(sound(other.run())), "another view is not the file's"


def test_another_model_of_the_same_name_and_one_that_is_not_here_are_said(taken):
    at = opened(task="digits", deeper="take")
    made = taken[-1]
    models = [replace(each, hash="f" * 16) if each.slot == "re" else each for each in made.models]
    models[-1] = replace(models[-1], name="elsewhere-rekd")
    give(at, to_json(replace(made, models=tuple(models))))
    assert "digits-re” has the hash ffffffffffffffff" in said(at)
    assert "elsewhere-rekd” (hash" in said(at) and "is not here" in said(at)
    assert len(cards(at)) == 3


def test_an_example_that_is_another_one_here_is_opened_as_an_own_input(taken):
    at = opened(task="digits", deeper="take", example="2")
    made = taken[-1]
    give(at, to_json(replace(made, choice=replace(made.choice, example=3))))
    assert at.session_state["view"].own and at.session_state["view"].upload
    assert "is not here as the file has it" in said(at)
    assert taken[-1].input.pictures == made.input.pictures


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"", b"[]", b'{"format": 9}', b"<script>alert(1)</script>", b"[" * 9999]
)
def test_a_file_that_is_none_is_refused_and_the_view_stays(content):
    at = opened(task="digits", deeper="take", example="3")
    shown = cards(at)
    give(at, content)
    assert "can't be opened" in said(at) and "The view before it stays" in said(at)
    assert cards(at) == shown


def test_choices_that_are_not_known_here_are_said_and_left(taken):
    at = opened(task="digits", deeper="take", example="3")
    made = taken[-1]
    strange = replace(made.choice, rule="<b>", show="x", methods=("Magic",), judge="nobody", explain="x")
    give(at, to_json(replace(made, choice=strange)))
    assert "Methods that are not known here: Magic" in said(at) and at.session_state["view"].rule == "calibrated"
    assert read(to_json(taken[-1])).methods == ()


def test_a_damaged_model_is_left_out_and_what_is_left_is_handed_out(taken, house, tmp_path, monkeypatch):
    import shutil

    copied = shutil.copytree(house, tmp_path / "house")
    (copied / "digits-cls" / "model.safetensors").write_bytes(b"damaged")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(copied))
    at = opened(task="digits", deeper="take")
    record = taken[-1]
    assert [model.slot for model in record.models] == ["teacher", "re", "rekd"]
    assert record.methods == () and record.table is None and "digits-cls can't be read" in said(at)
