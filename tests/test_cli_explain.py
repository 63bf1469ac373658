"""`python -m rekd explain` as a person uses it: files written and replaced, JSON to a pipe, sentences for faults."""

from __future__ import annotations

import json

import pytest
from helpers import tiny_checkpoints

from rekd.cli import main
from rekd.cli.explain import USUAL_DRAWS
from rekd.explanations.record import read
from rekd.ui.paint import pack
from rekd.ui.report import page
from rekd.ui.view import View
from rekd.units import words

TEXT = "A slow start, but <b>what</b> an ending."


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoints(root, task="imdb")
    return root


@pytest.fixture(autouse=True)
def surroundings(models, tmp_path, monkeypatch):
    from rekd.ui import cache

    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(models))
    cache.clear()
    yield
    cache.clear()


def explain(*options: str) -> int:
    return main(["explain", "--text", TEXT, *options])


def test_json_goes_to_the_pipe_alone_and_html_is_its_page(tmp_path, capsys):
    assert explain("--task", "imdb", "--format", "json", "--methods", "none") == 0
    record = read(capsys.readouterr().out)
    assert [model.slot for model in record.models] == ["teacher", "cls", "re", "rekd"] and record.methods == ()
    assert record.input.text == TEXT and record.address == ""
    path = tmp_path / "page.html"
    path.write_text("old")
    assert explain("--task", "imdb", "--format", "html", "--methods", "none", "--out", str(path)) == 0
    assert capsys.readouterr().out == f"{path}\n"
    html = path.read_text(encoding="utf-8")
    assert html.replace(_date(html), record.date) == page(record), "the same but for its date"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def _date(html: str) -> str:
    return html.split("<dt>Date</dt><dd>")[1].split("<")[0]


def test_models_that_are_named_stand_where_their_kind_says(models, capsys):
    named = ["--model", "imdb-re", "--model", str(models / "imdb-random"), "--format", "json", "--methods", "none"]
    assert explain(*named) == 0
    record = read(capsys.readouterr().out)
    assert {model.slot: model.name for model in record.models} == {"re": "imdb-re", "cls": "imdb-random"}
    assert record.table.judge == "imdb-random"


def test_a_painted_mask_and_the_number_of_scrambled_inputs_are_taken_along(capsys):
    mask = [i in (1, 4) for i in range(len(words(TEXT)))]
    options = ["--task", "imdb", "--format", "json", "--methods", "none", "--draws", "20", "--painted", pack(mask)]
    assert explain(*options) == 0
    record = read(capsys.readouterr().out)
    assert record.painted.mask == tuple(mask) and len(record.painted.answers) == 4
    assert record.choice.draws == 20 and {moved.movement.draws for moved in record.proof.moved} == {20}
    assert View().draws == USUAL_DRAWS


def test_a_method_that_samples_says_how_far_two_seeds_agree(capsys):
    """A file is not filled in later, as the page is."""
    assert explain("--task", "imdb", "--format", "json", "--methods", "KernelShap") == 0
    (method,) = json.loads(capsys.readouterr().out)["methods"]
    assert 0 <= method["shown"]["details"]["iou_two_seeds"] <= 1


def test_text_can_be_written_to_a_file_too(tmp_path):
    path = tmp_path / "marks.txt"
    assert explain("--model", "imdb-re", "--out", str(path)) == 0
    assert path.read_text(encoding="utf-8").strip().startswith("imdb-re: ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task", "imdb", "--format", "html"], "--format html needs --out FILE"),
        (["--task", "imdb", "--format", "html", "--out", "nowhere/x.html"], "does not exist; name a file in a folder"),
        (["--task", "imdb", "--format", "json", "--methods", "Magic"], "--methods is 'Magic'; it must be one of"),
        (["--task", "imdb", "--format", "json", "--more", "gold"], "--more is 'gold'; it must be one of 'aopc'"),
        (["--task", "imdb", "--format", "json", "--rule", "best"], "--rule is 'best'; it must be one of"),
        (["--task", "imdb", "--format", "json", "--seed", "-1"], "--seed is -1; it must be between 0 and"),
        (["--task", "imdb", "--format", "json", "--draws", "7"], "--draws is 7; it must be one of 20, 100, 500"),
        (
            ["--task", "imdb", "--format", "json", "--painted", "3-f"],
            "a mask of the 15 words that imdb-rekd reads",
        ),
        (["--task", "imdb", "--methods", "Lime"], "--methods, --more, --draws and --painted are of files"),
        (["--task", "imdb", "--painted", "10-ffc"], "--methods, --more, --draws and --painted are of files"),
        (["--task", "novels", "--format", "json"], "no model of task 'novels'"),
        (["--format", "json"], "give one that reads texts"),
        (["--task", "digits", "--model", "imdb-re"], "--task is digits and imdb-re is of imdb; leave --task out"),
        (["--model", "nobody", "--format", "json"], "There is no checkpoint 'nobody'"),
        (
            ["--model", "imdb-cls", "--model", "imdb-random", "--format", "json"],
            "there is no place left for imdb-random",
        ),
    ],
)
def test_what_can_not_be_done_is_said_before_any_work(options, said, capsys):
    assert explain(*options) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


def test_without_captum_the_methods_are_left_out_and_it_is_said(monkeypatch, capsys):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "captum" else real(name, *rest))
    assert explain("--task", "imdb", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["methods"] == []
    assert "captum is not installed" in captured.err and "captum is not installed" in captured.out


def test_an_image_model_does_not_read_a_text(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path, task="digits", roles=("re",))))
    assert explain("--model", "digits-re", "--format", "json") == 2
    assert "digits-re reads images; give it --image instead" in capsys.readouterr().err
