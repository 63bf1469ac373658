"""What a click on a model says: leaks first, in words; numbers that are missing or odd are left out, never invented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import image_config, text_config

from rekd.checkpoints import Info
from rekd.measures.verdict import LeakReport
from rekd.ui import details, leaks

REPORT = LeakReport("calibrated", ("neg", "pos"), 100, 0.52, 0.6, 0.01, (0.1, 0.2), (0.0, 0.3), 0.55)


def info(**values) -> Info:
    given = {"name": "m", "folder": Path("m"), "config": text_config(cut=0.0), "task": "imdb", "role": "re"}
    return Info(**given | {"hash": "h", "parameters": 1_234_000, "bytes": 2**20} | values)


def test_a_stored_report_is_read_back():
    stored = REPORT.to_dict() | {"honest": True}
    assert leaks.leaks({"leaks": stored}) == REPORT


@pytest.mark.parametrize(
    "metrics", [{}, {"leaks": None}, {"leaks": 3}, {"leaks": {"new": 1}}, {"leaks": {"rule": "x"}}]
)
def test_a_report_that_is_absent_or_of_another_version_is_none(metrics):
    assert leaks.leaks(metrics) is None


def test_each_figure_outside_its_bound_is_flagged_in_words():
    assert "outside the bound" not in leaks.leak_list(REPORT)
    assert leaks.leak_list(replace(REPORT, swap=0.2)).count("outside the bound") == 1
    assert leaks.leak_list(replace(REPORT, swap=0.2, count=0.9, mask_only=0.99)).count("outside the bound") == 3


def test_the_card_says_what_the_mask_gives_away_and_flags_what_is_over_its_bound():
    line = leaks.leak_line(replace(REPORT, count=0.58, swap=0.2))
    assert "calibrated masks of the test split, chance 50" in line and line.count("rk-flag") == 2
    assert "⚑ count 58" in line and "⚑ swap +20.0 points" in line and "⚑ mask" not in line
    assert leaks.leak_line(None) == ""


def test_class_names_of_a_report_are_escaped():
    assert "<b>x" not in leaks.leak_list(replace(REPORT, classes=("<b>x", "<i>")))


def test_accuracies_of_every_rule_and_the_controls_are_listed():
    metrics = {
        "rules": {"top-k": {"accuracy": 0.9, "rate": 0.1}, "odd": {"accuracy": "high"}, "odder": 3},
        "whole_input": {"accuracy": 0.91},
        "random": {"accuracy": 0.6},
    }
    assert details.accuracies(metrics) == [
        ("top-k", 0.9, 0.1), ("whole input", 0.91, None), ("random mask (control)", 0.6, None),
    ]  # fmt: skip
    assert details.accuracies({}) == [] == details.accuracies({"rules": None, "random": []})


def test_the_facts_name_size_rate_and_units():
    facts = details.about(info())
    assert facts["Parameters"] == "1.23 million" and facts["Size"] == "1.0 MB"
    assert facts["Calibrated cut"] == "P(select) > 0.500" and "words" in facts["Units"]
    assert "4 x 4 patches of 16 x 16 pixels" in details.about(info(config=image_config()))["Units"]


def test_a_model_without_a_generator_has_no_rate():
    assert "Rate p" not in details.about(info(config=text_config(kind="cls")))


def test_an_exhibit_says_so():
    assert "Exhibit" in details.about(info(role="exhibit")) and "Exhibit" not in details.about(info())
