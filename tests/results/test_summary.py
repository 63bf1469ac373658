"""Rows of the table: honest means beside those of all runs, what is missing, what was not run, and own runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from results.made import OWN as OWN_CONFIG
from results.made import made, some

from rekd.results.protocol import rows
from rekd.results.published import PUBLISHED, published
from rekd.results.summary import MEASURES, OWN, RULES, aggregates, dev_accuracy, sorts_of
from rekd.types import MASK_RULES


def by_name(results):
    return {row.name: row for row in aggregates(results)}


def test_the_rules_are_those_of_masks():
    assert RULES == MASK_RULES


def test_without_results_every_row_is_there_and_none_has_a_number():
    found = aggregates([])
    assert [row.name for row in found] == [row.name for row in rows()]
    for row in found:
        assert row.missing == row.wanted and not row.results and not row.leaky
        assert all(row.of(name).mean is None and row.of(name, every=True).n == 0 for name in MEASURES)


def test_one_run_has_a_mean_and_no_spread():
    row = by_name([made(accuracy=0.87, rate=0.11)])["imdb-2-layers-re"]
    assert (row.of("accuracy").n, row.of("accuracy").mean, row.of("accuracy").sd) == (1, 0.87, None)
    assert row.of("rate").mean == 0.11 and row.nominal == 0.1
    assert row.done == (2026,) and row.missing == tuple(range(2027, 2036))


def test_a_leaky_run_stands_beside_the_mean_and_not_in_it():
    results = [
        made(seed=2026, accuracy=0.80),
        made(seed=2027, accuracy=0.82),
        made(seed=2028, accuracy=0.99, honest=False),
    ]
    row = by_name(results)["imdb-2-layers-re"]
    assert row.of("accuracy").mean == pytest.approx(0.81) and row.of("accuracy").n == 2
    assert row.of("accuracy", every=True).mean == pytest.approx(0.87)
    assert [result.seed for result in row.leaky] == [2028] and row.done == (2026, 2027, 2028)
    assert row.of("swap").mean == pytest.approx(0.004) and row.of("swap", every=True).n == 3


def test_where_all_are_leaky_there_is_no_honest_mean():
    row = by_name([made("cifar10-teacher-leaky", accuracy=0.93, rate=0.15, honest=False)])["cifar10-teacher-leaky"]
    assert row.of("accuracy").mean is None and row.of("accuracy", every=True).mean == 0.93


def test_kinds_without_masks_are_averaged_over_all_runs():
    results = [made("imdb-2-layers-cls", seed, 0.8 + 0.02 * (seed - 2026)) for seed in (2026, 2027)]
    row = by_name(results)["imdb-2-layers-cls"]
    assert row.of("accuracy").mean == pytest.approx(0.81) and not row.leaky
    assert row.of("rate").mean == row.nominal == 1.0
    assert row.of("accuracy sampled").n == row.of("swap").n == 0


def test_every_rule_the_control_and_the_leaks_are_there():
    row = by_name([made(accuracy=0.88, rate=0.1)])["imdb-2-layers-re"]
    under = {rule: round(row.of(f"accuracy {rule}").mean, 4) for rule in RULES}
    assert under == {"threshold": 0.876, "calibrated": 0.879, "top-k": 0.88, "sampled": 0.874}
    assert {rule: round(row.of(f"rate {rule}").mean, 4) for rule in RULES}["threshold"] == 0.09
    assert row.of("random").mean == pytest.approx(0.69) and row.of("count").mean == pytest.approx(0.51)
    assert (row.of("mask").mean, row.of("empty").mean) == (pytest.approx(0.52), 0)


def test_shares_of_what_is_selected_are_of_honest_runs_and_have_their_own_base():
    results = [
        made(seed=2026, habits={"selected_punctuation": 0.02, "all_punctuation": 0.12, "certainty": 0.9}),
        made(seed=2027, habits={"selected_punctuation": 0.04, "all_punctuation": 0.14, "certainty": 0.8}),
        made(seed=2028, honest=False, habits={"selected_punctuation": 0.9, "all_punctuation": 0.5, "certainty": 0.1}),
    ]
    row = by_name(results)["imdb-2-layers-re"]
    assert row.of("selected punctuation").mean == pytest.approx(0.03) and row.of("selected punctuation").n == 2
    assert row.of("all punctuation").mean == pytest.approx(0.13), "the base is the share of all units"
    assert row.of("certainty").mean == pytest.approx(0.85)
    assert row.of("selected punctuation", every=True).mean == pytest.approx(0.32)


def test_what_was_not_measured_is_none_and_no_part_of_a_mean():
    held = {"selected_punctuation": 0.0, "all_punctuation": 0.13}
    row = by_name([made(habits=held), made(seed=2027, habits={})])["imdb-2-layers-re"]
    assert (row.of("selected punctuation").n, row.of("selected punctuation").mean) == (1, 0.0), "a measured 0 is one"
    assert row.of("selected stop words").mean is row.of("certainty").mean is row.of("selected border").mean is None


def leaking(seed, rates, empty, honest=True):
    report = made(seed=seed, honest=honest).report
    return made(seed=seed, report={**report, "leaks": {**report["leaks"], "rates": rates, "empty": empty}})


def test_rates_of_classes_are_means_over_honest_runs_of_those_that_have_the_class():
    results = [
        leaking(2026, [0.08, 0.12], [0.0, 0.02]),
        leaking(2027, [0.10, None], [0.01, None]),
        leaking(2028, [0.9, 0.001], [0.0, 0.9], honest=False),
    ]
    row = by_name(results)["imdb-2-layers-re"]
    rates, empty = row.by_class("rates"), row.by_class("empty")
    assert {name: (each.n, each.mean) for name, each in rates.items()} == {
        "negative": (2, pytest.approx(0.09)),
        "positive": (1, 0.12),
    }
    assert {name: each.mean for name, each in empty.items()} == {"negative": 0.005, "positive": 0.02}


def test_a_report_that_names_no_classes_has_no_rates_of_them():
    report = made().report
    less = {name: value for name, value in report["leaks"].items() if name != "classes"}
    assert by_name([made(report={**report, "leaks": less})])["imdb-2-layers-re"].by_class("rates") == {}


def test_rows_without_masks_or_with_leaky_ones_alone_have_no_rates_of_classes():
    found = by_name([made("imdb-2-layers-cls"), made(honest=False), made("imdb-2-layers-rekd", report={})])
    names = ("imdb-2-layers-cls", "imdb-2-layers-re", "imdb-2-layers-rekd")
    assert [found[name].by_class("rates") for name in names] == [{}, {}, {}]
    assert [found[name].selects for name in names] == [False, True, True]


def test_sorts_are_those_of_the_task_and_of_an_unknown_one_what_was_measured():
    found = by_name([made("cifar10-64x3-re", rate=0.15)])
    assert sorts_of([found["imdb-2-layers-re"]]) == ("punctuation", "stop words")
    assert sorts_of([found["cifar10-64x3-rekd"]]) == ("border",)
    strange = replace(found["cifar10-64x3-re"], task="leaves")
    assert sorts_of([replace(strange, results=()), strange]) == ("border",) and sorts_of([]) == ()


def test_runs_that_were_not_measured_on_test_are_done_and_have_their_dev_accuracy():
    row = by_name([made(report={}), made(seed=2027)])["imdb-2-layers-re"]
    assert row.done == (2026, 2027) and row.unmeasured == (2026,)
    assert row.of("accuracy").n == 1 and row.of("dev").n == 2


def test_dev_accuracy_is_that_of_the_step_whose_weights_these_are():
    curve = ((25, 0.5, 0.2), (50, 0.9, 0.1), (75, 0.7, 0.1))
    assert dev_accuracy(made(curve=curve, best_step=75)) == 0.7
    assert dev_accuracy(made(curve=curve, best_step=0)) == 0.9
    assert dev_accuracy(made(curve=())) is None


def test_own_runs_are_grouped_by_all_but_chance_and_what_is_written_down():
    faster = replace(OWN_CONFIG, learning_rate=3e-4)
    results = [
        made("", 1, 0.80),
        made("", 2, 0.82, config=replace(OWN_CONFIG, seed=2, log_every=50, watched=(1, 2))),
        made("", 3, 0.90, config=replace(faster, seed=3), name="faster"),
    ]
    own = [row for row in aggregates(results) if row.part == OWN]
    assert [(row.name, row.done) for row in own] == [("own-seed-1", (1, 2)), ("faster", (3,))]
    assert own[0].of("accuracy").mean == pytest.approx(0.81)
    assert own[0].rerun == "" and own[0].missing == () and own[0].kind == "re" and "7.5 M" in own[0].size


def test_two_own_runs_of_one_seed_both_count():
    (own,) = [row for row in aggregates([made("", 1, 0.8), made("", 1, 0.9, name="again")]) if row.part == OWN]
    assert own.of("accuracy").n == 2


def test_a_run_of_a_row_that_is_no_longer_one_is_not_lost():
    (own,) = [row for row in aggregates([replace(made(), row="of-an-earlier-version")]) if row.part == OWN]
    assert own.of("accuracy").n == 1


def test_a_row_says_how_to_run_it_again():
    assert by_name([])["imdb-2-layers-re"].rerun == "python -m rekd results run imdb-2-layers-re"


def test_rows_are_plain_values_for_json():
    told = json.loads(json.dumps([row.to_dict() for row in aggregates(some())]))
    row = next(row for row in told if row["name"] == "imdb-2-layers-re")
    assert row["leaky"] == [2029] and row["honest"]["accuracy"]["n"] == 9 and row["every"]["accuracy"]["n"] == 10
    assert next(row for row in told if row["name"] == "imdb-2-layers-kd")["missing"] == [2033, 2034, 2035]


def test_the_papers_numbers_are_found_by_task_and_kind():
    assert [each.accuracy for each in published("imdb", "rekd")] == [0.906, 0.892]
    assert published("cifar10")[0].teacher and published("cifar10")[0].accuracy == 0.964
    assert published("digits") == [] and published() == list(PUBLISHED) and len(PUBLISHED) == 19
    assert {each.kind: each.sd for each in published("cifar10") if each.model == "ViT-Small"} == {
        "cls": None,
        "re": 0.019,
        "rekd": 0.006,
    }


def test_a_row_that_is_stopped_says_the_steps_that_were_made():
    (row,) = [
        row for row in aggregates([made("imdb-teacher-weak", curve=((25, 0.6, 0.1), (75, 0.75, 0.1)))]) if row.results
    ]
    assert row.row.settings["steps"] == 1404 and row.budget[0] == 75
