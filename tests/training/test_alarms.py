"""Each alarm fires for what it says and is silent just below; early noise and what is over are not told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rekd.config import TrainConfig
from rekd.training import rules
from rekd.training.alarms import NOT_FINITE, alarms
from rekd.training.status import Status

CONFIG = TrainConfig("digits", "re", rate=0.15, rate_weight=20.0, units="patches", steps=100, learning_rate=1e-3)
TAUGHT = TrainConfig("digits", "rekd", teacher="one", rate=0.15, rate_weight=20.0, steps=100)
RUNNING = Status("running", step=100, steps=100)
HEALTHY = {
    "r": 0.151,
    "dev_accuracy": 0.8,
    "dev_rate": 0.148,
    "dev_mean_probability": 0.15,
    "dev_all": 0.0,
    "dev_empty": 0.0,
    "dev_certainty": 0.97,
    "dev_decided": 0.9,
    "dev_overlap": 0.12,
    "dev_overlap_chance": 0.09,
    "dev_border": 0.25,
    "dev_border_base": 0.44,
    "dev_count": 0.11,
    "dev_count_bound": 0.15,
    "dev_mask": 0.12,
    "dev_mask_bound": 0.26,
    "dev_swap": 0.01,
    "dev_swap_bound": 0.05,
    "dev_count_rows": 500.0,
    "dev_mask_rows": 500.0,
}


def told(config=CONFIG, first=50, second=100, status=RUNNING, before=None, **ill):
    """The alarms of two evaluations with the measures `ill`, after those of `before`."""
    lines = [{"step": step, **HEALTHY, **ill} for step in (first, second)]
    return alarms(config, [*(before or []), *lines], status)


def names(*args, **ill):
    return [alarm.name for alarm in told(*args, **ill)]


CASES = [
    ("all", {"dev_all": rules.MANY}, {"dev_all": rules.MANY - 0.01}),
    ("none", {"dev_empty": rules.EMPTY}, {"dev_empty": rules.EMPTY - 0.01}),
    ("fixed", {"dev_overlap": 0.65}, {"dev_overlap": 0.63}),
    ("marks", {"dev_marks": 0.5, "dev_marks_base": 0.12}, {"dev_marks": 0.49, "dev_marks_base": 0.12}),
    ("border", {"dev_border": 0.8}, {"dev_border": 0.79}),
    ("rate", {"r": 0.181}, {"r": 0.179}),
    ("rate", {"r": 0.119}, {"r": 0.121}),
    ("undecided", {"dev_decided": 0.09, "dev_empty": 1.0}, {"dev_decided": 0.11}),
    ("code", {"dev_swap": 0.051}, {"dev_swap": 0.05}),
    ("code", {"dev_count": 0.183}, {"dev_count": 0.181}),
    ("code", {"dev_mask": 0.3}, {"dev_mask": 0.299}),
]


@pytest.mark.parametrize(("name", "ill", "well"), CASES)
def test_an_alarm_fires_at_its_threshold_and_not_below(name, ill, well):
    assert names(**ill) == [name]
    assert names(**well) == []


def test_a_student_that_repeats_its_teachers_mistakes_is_told_from_one_that_is_merely_alike():
    copied = {"dev_teacher_mistakes": 55, "dev_copied": 0.85, "dev_copied_chance": 0.02}
    (alarm,) = told(TAUGHT, **copied)
    assert alarm.name == "copying" and "55" in alarm.says and "85%" in alarm.says and "2%" in alarm.says
    assert alarm.suggestion.startswith("Raise alpha to 0.5")
    assert names(TAUGHT, **{**copied, "dev_copied": 0.79}) == []
    assert names(TAUGHT, **{**copied, "dev_teacher_mistakes": 19}) == []
    assert names(TAUGHT, **{**copied, "dev_copied_chance": 0.7}) == [], "where chance does as much, nothing is copied"


def test_what_is_said_holds_the_number_and_what_to_do_names_a_field_with_a_value():
    (alarm,) = told(r=0.3)
    assert "30.0%" in alarm.says and "15.0%" in alarm.says and "rate_weight to 40" in alarm.suggestion
    assert alarm.step == 100 and not alarm.grave
    (alarm,) = told(dev_decided=0.02)
    assert "2.0%" in alarm.says and "learning_rate to 0.002" in alarm.suggestion and alarm.grave
    (alarm,) = told(dev_overlap=0.9)
    assert "90%" in alarm.says and "9%" in alarm.says and "learning_rate to 0.0005" in alarm.suggestion


def test_where_the_rate_comes_from_the_teacher_alone_more_weight_is_not_what_helps():
    (alarm,) = told(TrainConfig("digits", "rekd", teacher="one", alpha=0.0, rate=0.15, steps=100), r=0.3)
    assert "alpha" in alarm.suggestion and "rate_weight" not in alarm.suggestion
    (alarm,) = told(TrainConfig("digits", "re", rate=0.15, rate_form="example", steps=100), r=0.3)
    assert "example_rate_weight to 100" in alarm.suggestion
    (alarm,) = told(replace(CONFIG, rate_weight=1e-6), r=0.3)
    assert "rate_weight to 20" in alarm.suggestion, "the usual weight where the run's own is far below it"


def test_against_a_code_the_likeliest_cause_is_named_first():
    def does(config):
        return told(config, dev_swap=0.2)[0].suggestion

    assert "teacher" in does(TAUGHT)
    assert "start empty" in does(TrainConfig("digits", "re", rate=0.15, start="digits-cls", steps=100))
    assert "to 50" in does(TrainConfig("digits", "re", rate=0.15, example_rate_weight=0.0, steps=100))
    assert "rekd" in does(CONFIG)


def test_the_swap_decides_and_the_guesses_only_warn():
    (grave,), (warning,) = told(dev_swap=0.1, dev_count=0.3), told(dev_count=0.3)
    assert grave.grave and "10.0 points" in grave.says and "30%" in grave.says
    assert not warning.grave and warning.title != grave.title


def test_one_evaluation_is_chance_for_the_swap_and_for_any_other():
    once = [{"step": 40, **HEALTHY}, {"step": 60, **HEALTHY}, {"step": 100, **HEALTHY, "dev_swap": 0.1, "dev_all": 1.0}]
    assert alarms(CONFIG, once, RUNNING) == []
    assert alarms(CONFIG, [once[-1]], RUNNING) == []


def test_the_swap_is_averaged_over_three_evaluations():
    def lines(*swaps):
        return [{"step": 40 + 20 * n, **HEALTHY, "dev_swap": swap} for n, swap in enumerate(swaps)]

    assert [alarm.name for alarm in alarms(CONFIG, lines(0.03, 0.08, 0.06), RUNNING)] == ["code"]
    assert alarms(CONFIG, lines(0.01, 0.07, 0.06), RUNNING) == []
    assert alarms(CONFIG, lines(0.9, 0.01, 0.02, 0.01), RUNNING) == [], "what was leaky once and is no more is over"


def test_nothing_is_told_of_the_first_fifth_and_flat_or_empty_masks_not_before_half():
    assert names(first=10, second=40, dev_all=1.0) == []
    assert names(first=20, second=40, dev_all=1.0) == ["all"]
    for ill in ({"dev_decided": 0.0}, {"dev_empty": 1.0}):
        assert names(first=40, second=60, **ill) == []
        assert len(names(first=50, second=60, **ill)) == 1


def test_an_alarm_is_gone_when_what_it_said_is_over():
    ill = [{"step": step, **HEALTHY, "dev_all": 1.0, "dev_overlap": 1.0} for step in (40, 60)]
    assert len(alarms(CONFIG, ill, RUNNING)) == 2
    assert alarms(CONFIG, [*ill, {"step": 80, **HEALTHY}], RUNNING) == []


def test_the_grave_stand_first():
    found = told(r=0.4, dev_border=1.0, dev_swap=0.3, dev_all=1.0)
    assert [alarm.grave for alarm in found] == sorted((alarm.grave for alarm in found), reverse=True)
    assert {alarm.name for alarm in found} == {"all", "code", "border", "rate"}


def test_the_rate_of_all_lines_since_the_last_evaluation_counts():
    def run(*drawn):
        lines = [{"step": 10 * n, "r": r} for n, r in enumerate(drawn, 3)]
        return [line | (HEALTHY | {"r": line["r"]} if line["step"] in (50, 70, 90) else {}) for line in lines]

    assert alarms(CONFIG, run(0.15, 0.15, 0.15, 0.16, 0.3, 0.16, 0.3), RUNNING)[0].name == "rate"
    assert alarms(CONFIG, run(0.15, 0.15, 0.15, 0.1, 0.2, 0.1, 0.2), RUNNING) == [], "up and down is on target"


@pytest.mark.parametrize("kind", ["cls", "random"])
def test_models_without_gates_have_none_of_it(kind):
    lines = [{"step": step, "dev_accuracy": 0.5} for step in (40, 60, 100)]
    assert alarms(TrainConfig("digits", kind, rate=0.15, steps=100), lines, RUNNING) == []


def test_a_run_of_an_earlier_version_has_no_measures_and_no_alarm():
    lines = [{"step": step, "dev_accuracy": 0.5, "r": 0.15} for step in (40, 60, 100)]
    assert alarms(CONFIG, lines, RUNNING) == []


def test_a_run_that_halted_says_which_number_broke_and_what_stands():
    halted = Status("failed", 60, 100, f"The loss {NOT_FINITE} (nan) at step 60; the run halts, its last state stands.")
    alarm = told(first=20, second=40, status=halted)[0]
    assert alarm.name == "not-finite" and alarm.grave and alarm.step == 60
    assert "The loss is no finite number at step 60" in alarm.says and "saved last stands" in alarm.says
    assert "40" not in alarm.says, "a stop after the last evaluation saved a later state"
    assert "learning_rate to 0.0005" in alarm.suggestion
    (early,) = alarms(CONFIG, [], halted)
    assert "No state was saved yet, unless the run was stopped before" in early.says
    assert alarms(CONFIG, [], Status("failed", 60, 100, "The disk is full.")) == []


def test_alarms_and_snapshots_are_read_without_torch():
    code = "import sys, rekd.training.alarms, rekd.training.snapshots; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
