"""The full form: one run's settings, what is impossible, and duplicates with a change."""

from __future__ import annotations

import json

import pytest
from forms import TINY, address, given, has, named, opened, pressed, run_of, said

from rekd.config import AUGMENTATIONS
from rekd.training.lineups import config_of
from rekd.ui.form_objective import CHANGES

pytestmark = pytest.mark.usefixtures("form_house")

USUAL = config_of("laptop", "re").learning_rate


@pytest.mark.parametrize(
    ("kind", "there", "away"),
    [
        ("cls", ["f_learning_rate"], ["f_teacher", "f_alpha", "f_rate", "f_masking"]),
        ("random", ["f_rate", "f_masking"], ["f_teacher", "f_alpha", "f_tau_start"]),
        ("re", ["f_rate", "f_tau_start"], ["f_teacher", "f_alpha", "f_shared_noise"]),
        (
            "rekd",
            ["f_teacher", "f_alpha", "f_lambda_r", "f_parts", "f_temper_rationale", "f_shared_noise"],
            [],
        ),
    ],
)
def test_fields_that_do_not_apply_are_not_there(kind, there, away):
    at = opened(line="-", kind=kind)
    assert [key for key in there if not has(at, key)] == [] and [key for key in away if has(at, key)] == []


def test_every_field_has_a_sentence_of_help():
    at = opened(line="-", kind="rekd")
    fields = [
        w for kind in ("selectbox", "number_input", "toggle") for w in getattr(at, kind) if w.key.startswith("f_")
    ]
    assert len(fields) > 25
    assert [w.key for w in fields if not w.help] == []


def test_one_run_with_changes_is_started_as_it_stands(started):
    at = pressed(opened(), "f_open_re")
    at = given(given(at, "f_learning_rate", 0.001), "f_rate", 0.2)
    assert address(at) == {"slot": "re", "learning_rate": "0.001", "rate": "0.2"}
    change = f"learning_rate {USUAL:g} → 0.001"
    assert change in said(at)
    pressed(at, "f_train")
    (plan,) = started
    assert (plan.config.learning_rate, plan.config.rate, plan.config.kind) == (0.001, 0.2, "re")
    assert change in plan.note and plan.name == "RE · digits · rate 0.2, learning rate 0.001"


def test_a_choice_survives_a_reload():
    at = given(given(opened(line="-", kind="rekd"), "f_alpha", 0.7), "f_seeds", "1-3")
    again = opened(**address(at))
    assert named(again, "f_alpha").value == 0.7 and named(again, "f_seeds").value == "1-3"
    assert address(again) == address(at)


def test_what_is_set_back_leaves_the_address():
    at = given(opened(slot="re", learning_rate="0.001"), "f_learning_rate", USUAL)
    assert address(at) == {"slot": "re"}


def test_epochs_and_steps_are_one_choice():
    at = given(opened(line="-", kind="cls"), "f_epochs", 2.0)
    assert address(at)["steps"] == "375" and "= 375 steps of 64" in said(at)
    at = given(at, "f_batch", 128)
    assert address(at)["steps"] == "188" and named(at, "f_epochs").value == pytest.approx(2, abs=0.01)


def test_a_teacher_is_offered_with_the_reason_for_the_others():
    at = opened(line="-", kind="rekd", backbone_args=json.dumps(TINY))
    assert named(at, "f_teacher").value == "digits-teacher"
    other = opened(line="-", kind="rekd", backbone_args=json.dumps({**TINY, "patch_size": 16}))
    assert named(other, "f_train").disabled and "none is chosen" in said(other)
    assert "patches in 8 rows of 8, the student patches in 4 rows of 4" in said(other)


def test_a_fault_stands_before_the_button_and_the_form_goes_on():
    at = opened(line="-", backbone_args=json.dumps({**TINY, "patch_size": 7}))
    assert said(at).count("can't be cut into patches of 7") == 2 and named(at, "f_train").disabled
    at = opened(line="-", task="own-gone")
    assert "The data set own-gone is not here (any more)" in said(at) and named(at, "f_train").disabled


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("f_rate", 1.5, "rate is 1.5; it must be a number between 0 and 1"),
        ("f_learning_rate", 0.0, "learning_rate is 0.0; it must be"),
        ("f_epochs", -1.0, "steps is -188; it must be"),
        ("f_batch", 0, "batch_size is 0; it must be"),
        ("f_patch", 7, "can't be cut into patches of 7"),
        ("f_patch", -4, "can't be cut into patches of -4"),
    ],
)
def test_a_number_that_cannot_be_is_shown_with_a_sentence_and_never_trained(key, value, sentence):
    """A field with limits of its own keeps a number beyond them in the browser, and the one before would be trained."""
    at = opened(line="-", kind="re")
    usual = named(at, key).value
    assert not named(at, "f_train").disabled
    assert not named(at, key).proto.has_min and not named(at, key).proto.has_max
    at = given(at, key, value)
    assert named(at, key).value == pytest.approx(value, abs=0.01) and named(at, "f_train").disabled
    assert [each for each in at.caption if sentence in each.value.replace("\\", "")], "beside the field"
    assert [each for each in at.error if sentence in each.value.replace("\\", "")], "and before the button"
    at = given(at, key, usual)
    assert not named(at, "f_train").disabled and sentence not in said(at)


def test_another_data_set_brings_what_fits_it():
    at = given(opened(line="-", kind="re"), "f_task", "imdb")
    assert "backbone_args" not in address(at) and has(at, "f_max_tokens") and not has(at, "f_patch")


def test_watched_examples_are_drawn_typed_and_put_back():
    at = pressed(opened(slot="re"), "f_draw")
    rows = address(at)["watched"].split(",")
    assert len(rows) == 8 and named(at, "f_watched").value.replace(" ", "") == ",".join(rows)
    at = given(at, "f_watched", "3, 14 15")
    assert address(at)["watched"] == "3,14,15"
    at = given(at, "f_watched", "3, 5000").run()
    assert "it has no row 5000" in said(at) and address(at)["watched"] == "3,14,15"
    at = given(at, "f_watched", "1 2 3 4 5 6 7 8 9")
    assert "the first 8 are taken" in said(at.run()) and address(at)["watched"] == "1,2,3,4,5,6,7,8"
    at = pressed(at, "f_usual")
    assert "are taken" not in said(at) and "watched" not in address(at)
    assert len(named(at, "f_watched").value.split(",")) == 8


def test_a_duplicate_says_what_is_changed_and_keeps_the_rest(started):
    run_of(learning_rate=0.004)
    at = opened(**{"new": "1", "from": "mine"})
    assert "Duplicated from mine" in said(at) and "Changed: nothing yet" in said(at)
    at = given(at, "f_learning_rate", 0.001)
    assert "learning_rate 0.004 → 0.001" in said(at)
    assert address(at) == {"new": "1", "from": "mine", "learning_rate": "0.001"}
    pressed(at, "f_train")
    assert started[0].config.seed == 7 and started[0].config.learning_rate == 0.001
    assert started[0].name == "RE · digits · learning rate 0.001", "it is called by what was changed"
    assert started[0].config.backbone_args == TINY


def test_a_duplicate_of_what_is_gone_says_so():
    at = opened(**{"from": "gone"})
    assert "no run 'gone'" in said(at) and has(at, "f_train")


def test_what_of_an_address_can_not_be_used_is_told():
    at = opened(steps="many", novelty="1")
    assert "steps “many”" in said(at) and "“novelty”" in said(at)
    assert address(at) == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "foo", "preset": "bar"},
        {"batch_size": "0"},
        {"batch_size": "70000", "steps": "1000000"},
        {"steps": "-5"},
        {"steps": "900000000", "batch_size": "60000"},
        {"backbone_args": '{"img_size": 2048, "patch_size": 16}'},
        {"backbone_args": '{"img_size": "a", "patch_size": []}'},
        {"backbone_args": '{"embed_dim": 16, "num_heads": 2, "patch_size": -4}'},
        {"task": "imdb", "backbone_args": '{"layers": 3}'},
        {"kind": "rekd", "teacher": "~nobody-at-all/run/checkpoint"},
    ],
)
def test_an_address_that_asks_for_the_impossible_still_shows_the_form(asked):
    assert has(opened(line="-", **asked), "f_task")


def test_sides_may_be_pairs_as_the_command_line_allows():
    run_of(backbone_args={**TINY, "img_size": [64, 64], "patch_size": [8, 8]})
    at = opened(**{"from": "mine"})
    assert named(at, "f_patch").value == 8 and not named(at, "f_train").disabled
    at = opened(line="-", backbone_args='{"img_size": [96, 96]}', backbone="vit_tiny_patch16_224")
    assert named(at, "f_img").value == 96


def test_a_start_that_fails_is_told_and_can_be_tried_again(monkeypatch):
    def full(plans):
        raise OSError("the disk is full")

    monkeypatch.setattr("rekd.ui.form_check.launch", full)
    at = pressed(opened(), "f_train")
    assert "the disk is full" in said(at) and not named(at, "f_train").disabled and "run" not in address(at)


def test_strong_augmentation_is_offered_where_images_are_augmented(started):
    at = opened(line="-", kind="cls", task="digits", augment="False")
    assert has(at, "f_augment") and not has(at, "f_augmentation")
    at = given(given(at, "f_augment", True), "f_augmentation", "strong")
    assert set(named(at, "f_augmentation").options) == set(CHANGES.values()) and set(CHANGES) == set(AUGMENTATIONS)
    assert address(at)["augmentation"] == "strong"
    pressed(at, "f_train")
    assert (started[0].config.augment, started[0].config.augmentation) == (True, "strong")
    assert not has(opened(line="-", kind="cls", task="imdb"), "f_augmentation"), "a text is never changed"
