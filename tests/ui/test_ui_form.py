"""The ready starts of the form: runs in two clicks, their cost before they start, and what stands against them."""

from __future__ import annotations

import time

import pytest
from forms import Told, address, given, has, named, opened, pressed, said, table

from rekd.training.blueprint import parameters
from rekd.training.lineups import config_of
from rekd.ui import form_cost

pytestmark = pytest.mark.usefixtures("form_house")


def test_two_clicks_start_four_runs_in_their_order(started):
    at = opened()
    pressed(pressed(at, "f_start_laptop"), "f_train")
    assert [plan.config.kind for plan in started] == ["cls", "re", "re", "rekd"]
    cls, teacher, _, rekd = started
    assert teacher.config.start == str(cls.folder / "checkpoint")
    assert rekd.config.teacher == str(teacher.folder / "checkpoint")
    assert address(at) == {"run": cls.folder.name}


def test_a_second_click_on_the_way_starts_nothing_more(started):
    at = opened(seeds="1,2")
    at.session_state["form_sent"] = ({"seeds": "1, 2"}, time.monotonic(), "the-first")
    pressed(at, "f_train")
    assert started == [] and address(at) == {"run": "the-first"}


def test_seeds_queue_a_run_each_for_the_students_alone(started):
    at = given(opened(), "f_seeds", "2026-2028")
    assert address(at)["seeds"] == "2026-2028" and "Train 8 runs" in [b.label for b in at.button]
    pressed(at, "f_train")
    assert [plan.config.seed for plan in started] == [2026, 2026, 2026, 2026, 2027, 2027, 2028, 2028]


def test_a_device_whose_title_had_another_number_of_runs_is_that_device(monkeypatch):
    """A browser sends the title that it got, which is none of today's where a run ended meanwhile."""
    monkeypatch.setattr("rekd.ui.form_fields.queues", lambda root: {"cpu": 1})
    monkeypatch.setattr("rekd.ui.form_fields.devices", lambda: ["cuda", "cpu"])
    at = opened()
    assert "cpu · 1 run before it" in named(at, "f_device").options
    named(at, "f_device").options.append("cpu · 2 runs before it")
    at = given(at, "f_device", "cpu · 2 runs before it")
    assert address(at)["device"] == "cpu" and "is not here" not in said(at) and named(at, "f_device").value == "cpu"


def test_seeds_that_can_not_be_read_change_nothing():
    at = given(given(opened(), "f_seeds", "5, 6"), "f_seeds", "five")
    assert "“five”: write seeds as whole numbers" in said(at)
    assert address(at)["seeds"] == "5, 6" and named(at, "f_seeds").value == "5, 6"


def test_what_was_wrong_with_seeds_stands_until_a_change_succeeds():
    at = given(opened(), "f_seeds", "five").run()
    assert "“five”: write seeds as whole numbers" in said(at), "the page redraws itself when an estimate arrives"
    assert "“five”" not in said(given(at, "f_seeds", "5"))
    at = given(at, "f_seeds", "five")
    assert "“five”" not in said(pressed(at, "f_start_laptop"))


def test_what_to_expect_and_who_teaches_is_said_before_anything_is_started():
    assert "about 92 and 91 of 100 right, RE 14 to 29, REKD 46 to 63, by the seed" in said(opened())
    assert "at hand" not in said(opened())


def test_a_member_that_lacks_another_says_which():
    at = opened(members="rekd,teacher")
    assert "Teacher needs the CLS" in said(at) and named(at, "f_train").disabled


def test_parameters_time_and_memory_are_told():
    at = opened()
    assert [len(each["training"]) > 20 for each in Told.asked] == [True] * 4
    assert "teacher_config" in Told.asked[3] and Told.asked[3]["training"]["teacher"] == "@teacher"
    at.run()
    assert table(at).count("3 minutes") == 4 and table(at).count("1.0 GB") == 4
    sizes = parameters(config_of("laptop", "teacher"))
    assert f"{sizes.predictor / 1000:.0f} k" in table(at) and "About 12 minutes in all on cpu" in said(at)


def test_nothing_is_timed_beside_a_run_at_work(monkeypatch):
    monkeypatch.setattr(form_cost, "queues", lambda root: {"cpu": 1})
    at = opened()
    assert Told.asked == [] and "not measured while a run is at work on cpu" in said(at)


def test_another_choice_ends_what_was_timed_for_the_one_before():
    Told.busy = True
    at = opened()
    assert "Timing a few real steps on cpu" in said(at)
    pressed(at, "f_open_re")
    assert Told.cancelled == 0  # it is among what is being timed
    given(at, "f_rate", 0.3)
    assert Told.cancelled == 1 and len(Told.asked) == 5


def test_a_time_that_could_not_be_had_is_no_obstacle():
    Told.fault = "It fell over."
    at = opened().run()
    assert "It could not be timed. It fell over." in said(at) and not named(at, "f_train").disabled


def test_what_is_unusual_names_the_runs_that_it_is_about():
    assert "Both towers start from random weights" in said(opened()) and "*(RE, REKD)*" in said(opened())


def test_what_is_unusual_does_not_depend_on_what_was_opened_before(monkeypatch):
    models = []
    monkeypatch.setattr("rekd.ui.form_check.unusual", lambda values, device, found, seeds: models.append(found) or [])
    at = opened(slot="re")
    assert models.pop()
    pressed(at, "f_back")
    assert models and not any(models)


def test_missing_data_say_the_two_ways_and_are_offered():
    at = opened(line="gpu")
    assert "REKD_DATA set to a folder that holds cifar10/train.parquet" in said(at)
    assert named(at, "f_train").disabled and has(at, "f_fetch_cifar10")
