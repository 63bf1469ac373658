"""The section Proof on the page: what is said of models that keep their word, and of those that do not."""

from __future__ import annotations

import re

import numpy as np
import pytest
from explore import REVIEW, blocks, opened, picked, reopened, said, sound, text_of
from helpers import image_config, tiny_checkpoints

from rekd import checkpoints
from rekd.data import TASKS
from rekd.models import build
from rekd.models.rationale import RationaleModel
from rekd.ui import keep


def rows(at) -> list[str]:
    table = next(block for block in blocks(at) if "Check 1" in block)
    return [" ".join(text_of(row).split()) for row in re.findall(r"<tr>.*?</tr>", table.split("<tbody>")[1])]


def sentences(at) -> list[str]:
    return [" ".join(text_of(block).split()) for block in blocks(at) if "rk-said" in block]


def proof(**address):
    return opened(**{"deeper": "proof", "draws": "20"} | address)


@pytest.mark.parametrize(("task", "units"), [("imdb", "words"), ("digits", "patches")])
def test_rationale_models_do_not_move_and_what_reads_everything_does(task, units):
    at = proof(task=task, methods="FeatureAblation,Saliency")
    teacher, re_, rekd, carried, drawn, *methods = rows(at)
    for row in (teacher, re_, rekd):
        assert "✓ exactly 0 0 of 20" in row and units in row
    assert carried.startswith("REKD's rationale") and "at random" in drawn
    assert {row.split()[0] for row in methods} == {"FeatureAblation", "Saliency"}
    for row in (carried, drawn, *methods):
        assert float(re.search(r"up to ([\d.]+)", row)[1]) > 0 and "reads everything" in row
    # Of the dozen built-in reviews, five or six are of another class.
    assert len(sentences(at)) == 3 and all(re.search("of (20|6|5) ,", line) for line in sentences(at))
    assert "does not prove" in said(at) and "seed 0" in said(at) and not at.error
    drawn = next(block for block in blocks(at) if "rk-strip" in block and "figure" in block and "<style>" not in block)
    assert drawn.count("<figure>") == 4


def test_a_model_that_peeks_is_a_red_alarm(monkeypatch):
    honest = RationaleModel.predict
    monkeypatch.setattr(RationaleModel, "predict", lambda self, batch, mask=None: honest(self, batch, None))
    at = proof(task="digits", methods="-", re="-", teacher="-")
    assert "⚑ up to" in rows(at)[0] and "exactly 0" not in rows(at)[0]
    assert len(at.error) == 1 and "fails the check" in at.error[0].value


def test_the_number_of_inputs_is_chosen_and_travels():
    at = proof(task="digits", methods="-", draws="100")
    assert all("of 100" in row for row in rows(at))
    picked(at, "w_draws").set_value(20)
    sound(at.run())
    assert all("of 20" in row for row in rows(at)) and at.query_params["draws"] == "20"
    again = reopened(at)
    assert rows(again) == rows(at) and sentences(again) == sentences(at)


def test_another_seed_takes_other_inputs():
    first, second = (proof(task="digits", methods="-", seed=seed) for seed in ("1", "2"))
    assert rows(first) != rows(second) and "seed 2" in said(second)


def test_stored_leaks_are_shown_and_their_lack_is_said():
    text = " ".join(map(text_of, blocks(proof(task="imdb", methods="-"))))
    assert text.count("Does the mask leak the label?") >= 3
    assert "No leak measures were stored" in " ".join(map(text_of, blocks(proof(task="digits", methods="-"))))


def test_an_own_text_takes_built_in_content():
    at = proof(task="imdb", own="1", text=REVIEW, methods="-")
    assert all("✓ exactly 0" in row for row in rows(at)[:3])
    assert "A dozen film reviews" in said(at).replace("\\", "")


def test_without_data_a_picture_lends_its_own_pixels_and_there_is_no_second_check(tmp_path, monkeypatch):
    classes = TASKS["cifar10"].classes
    for role in ("cls", "rekd"):
        model = build(image_config(kind=role, classes=classes, rate=0.25))
        checkpoints.save(tmp_path / "models" / f"cifar10-{role}", model, task="cifar10", role=role)
    exhibit = build(image_config(kind="re", classes=classes, rate=0.25))
    checkpoints.save(tmp_path / "models" / "cifar10-leaky", exhibit, task="cifar10", role="exhibit")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tmp_path / "models"))
    name = keep.keep_image(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    at = proof(task="cifar10", own="1", upload=name, methods="-")
    assert "✓ exactly 0" in rows(at)[0] and not sentences(at)
    text = said(at).replace("\\", "")
    assert "pixels of this very picture" in text and "needs inputs of other classes" in text
    assert "choose cifar10-leaky under" in text


def test_a_model_alone_that_reads_everything_has_nothing_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path / "one", task="digits", roles=("cls",))))
    at = proof(task="digits")
    assert [row.split()[0] for row in rows(at)] == ["patches", "FeatureAblation"] and not sentences(at)


def test_a_method_that_does_not_fit_says_so_and_the_others_stand():
    at = proof(task="imdb", methods="LayerGradCam,Saliency")
    failed = next(row for row in rows(at) if row.startswith("LayerGradCam"))
    assert "for image inputs" in failed and "up to" in next(row for row in rows(at) if row.startswith("Saliency"))
