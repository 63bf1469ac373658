"""Who stands side by side: by role at first, exchangeable where labels and units agree, and a sentence where not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers import image_config, text_config

from rekd.checkpoints import Info
from rekd.ui import lineup
from rekd.ui.state import View

ROLES = ("teacher", "cls", "re", "rekd", "random")
KINDS = {"teacher": "re", "exhibit": "rekd"}
SENTIMENT = ("negative", "positive")


@dataclass(frozen=True)
class Spec:
    classes: tuple[str, ...]
    modality: str


SPECS = {
    "imdb": Spec(SENTIMENT, "text"),
    "movies": Spec(SENTIMENT, "text"),
    "reviews": Spec(SENTIMENT, "text"),
    "digits": Spec(("a", "b", "c"), "image"),
}


def info(name: str, role: str = "", task: str = "", **config) -> Info:
    task, role = task or name.split("-")[0], role or name.split("-")[-1]
    make = image_config if task == "digits" else text_config
    config = {"classes": SPECS[task].classes if task in SPECS else ("x", "y")} | config
    return Info(name, Path(name), make(kind=KINDS.get(role, role), **config), task, role, f"hash-{name}", 1, 1)


HOUSE = [info(f"{task}-{role}") for task in ("imdb", "digits") for role in ROLES]


def resolve(view: View | None = None, infos=HOUSE, here=("reviews", "digits")):
    return lineup.resolve(view or View(), infos, SPECS, lambda name: name in here)


def test_the_first_view_lacks_nothing_and_says_nothing():
    view, notes = resolve()
    assert notes == []
    assert (view.task, view.teacher, view.cls, view.re, view.rekd) == (
        "imdb", "imdb-teacher", "imdb-cls", "imdb-re", "imdb-rekd",
    )  # fmt: skip
    assert (view.judge, view.explain, view.own) == ("imdb-cls", "cls", False)


def test_settling_is_stable():
    view, _ = resolve()
    assert resolve(view) == (view, [])


def test_data_of_other_tasks_serve_where_the_labels_agree():
    assert resolve()[0].data == "reviews"
    assert resolve(here=("imdb", "reviews"))[0].data == "imdb"
    assert resolve(View(data="movies"), here=("movies",))[0].data == "movies"


def test_without_data_the_view_opens_on_own_input():
    view, _ = resolve(here=())
    assert view.own and view.data == "imdb"


def test_data_with_other_labels_are_refused_with_a_sentence():
    view, notes = resolve(View(data="digits"))
    assert view.data == "reviews" and "other labels" in notes[0]


def test_an_unknown_task_shows_another_and_keeps_what_was_typed():
    view, notes = resolve(View(task="<b>", text="mine", own=True))
    assert view.task == "imdb" and view.text == "mine" and view.own and "no checkpoint for the task" in notes[0]


@pytest.mark.parametrize(
    ("slot", "name", "word"),
    [
        ("re", "gone", "REKD_CHECKPOINTS"),
        ("teacher", "gone", "not here"),
        ("re", "digits-re", "labels"),
        ("rekd", "digits-rekd", "can't stand"),
        ("re", "imdb-cls", "kind"),
        ("cls", "imdb-re", "kind"),
    ],
)
def test_a_model_that_does_not_fit_is_replaced_with_a_sentence(slot, name, word):
    view, notes = resolve(replace(View(), **{slot: name}))
    assert view.model(slot) == f"imdb-{slot}" and len(notes) == 1 and word in notes[0]


def test_students_are_exchangeable_and_a_slot_can_be_empty():
    view, notes = resolve(View(re="imdb-rekd", cls="-"))
    assert notes == [] and view.re == "imdb-rekd" and view.cls == "-"
    assert view.explain == "rekd", "the model explained must be one that is shown"


def test_all_slots_empty_still_shows_a_model():
    view, _ = resolve(View(teacher="-", cls="-", re="-", rekd="-"))
    assert [view.model(slot) for slot in ("teacher", "cls", "re", "rekd")].count("-") == 3


def test_a_teacher_with_other_units_brings_its_own_company():
    pieces = [info(f"imdb-{role}-p", role, units="pieces") for role in ("teacher", "re")]
    view, notes = resolve(View(teacher="imdb-teacher-p"), HOUSE + pieces)
    assert notes == [] and view.teacher == "imdb-teacher-p" and view.cls == "-"
    assert view.judge in ("imdb-teacher-p", "imdb-re-p")


def test_models_of_another_task_with_the_same_labels_fit():
    names = [i.name for i in lineup.candidates("re", [*HOUSE, info("movies-re")], HOUSE[0], "imdb")]
    assert set(names) == {"imdb-re", "imdb-rekd", "imdb-teacher", "movies-re"}
    assert names[0] == "imdb-re", "the task's own model comes first"


def test_an_exhibit_is_offered_last_and_never_chosen_by_itself():
    exhibit = info("imdb-aleaky", "exhibit")
    assert lineup.candidates("rekd", [exhibit, *HOUSE], HOUSE[0], "imdb")[-1] is exhibit
    assert resolve(infos=[exhibit, *HOUSE])[0].rekd == "imdb-rekd"
    view, notes = resolve(View(rekd="imdb-aleaky"), [exhibit, *HOUSE])
    assert view.rekd == "imdb-aleaky" and notes == []


def test_judges_begin_with_the_whole_input_model():
    found = lineup.judges(HOUSE, HOUSE[0], "imdb")
    assert [i.name for i in found[:2]] == ["imdb-cls", "imdb-random"] and len(found) == 5
    for judge in ("digits-cls", "gone"):
        assert "does not fit" in resolve(View(judge=judge))[1][0]


def test_a_class_that_does_not_exist_is_not_scored():
    view, notes = resolve(View(target="maybe"))
    assert view.target == "" and "no class" in notes[0]
    assert resolve(View(target="positive"))[0].target == "positive"


def test_one_lonely_model_is_shown():
    for role in ("teacher", "cls", "random", "exhibit"):
        view, _ = resolve(infos=[info(f"imdb-{role}", role)])
        assert f"imdb-{role}" in [view.model(slot) for slot in ("teacher", "cls", "re", "rekd")]


def test_tasks_follow_the_table_and_foreign_ones_come_last():
    foreign = info("zoo-cls", "cls")
    assert lineup.tasks([foreign, *HOUSE], SPECS) == ["imdb", "digits", "zoo"]
    view, _ = resolve(View(task="zoo"), [foreign, *HOUSE])
    assert view.cls == "zoo-cls" and view.data == "-" and view.own


def test_a_card_is_called_by_its_model_s_kind_and_rows_are_told_apart():
    chosen = {"teacher": HOUSE[0], "re": HOUSE[3], "rekd": HOUSE[3], "cls": HOUSE[4]}
    assert lineup.title("re", HOUSE[3]) == "REKD, distilled"
    names = lineup.row_names(chosen | {"rekd": info("imdb-other", "rekd")})
    assert names == {
        "teacher": "Teacher",
        "re": "REKD (imdb-rekd)",
        "rekd": "REKD (imdb-other)",
        "cls": "Random-mask model",
    }


def test_a_model_that_somebody_loaded_is_offered_and_is_nobodys_default():
    loaded = info("aaa", "re", "imdb")
    view, _ = resolve(infos=[*HOUSE, loaded])
    assert view.re == "imdb-re"
    anchor = lineup.anchor_of(HOUSE, "imdb", "")
    assert [each.name for each in lineup.candidates("re", [*HOUSE, loaded], anchor, "imdb")][:2] == ["imdb-re", "aaa"]
