"""Rows against each other, seed by seed: which are compared, of which pairs, with what p, and who leaks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from results.made import hash_of, made, some

from rekd.results.comparisons import comparisons, leaky_shares
from rekd.results.summary import aggregates

SEEDS = range(2026, 2036)


def compared(results):
    return {each.name: each for each in comparisons(aggregates(results))}


def rows_of(name, level, seeds=SEEDS, rate=0.1, leaky=()):
    """A run a seed, all at one level but for a little that depends on the seed."""
    return [made(name, seed, level + 0.001 * (seed % 3), rate, seed not in leaky) for seed in seeds]


RE, REKD = "imdb-2-layers-re", "imdb-2-layers-rekd"


def test_the_claim_is_the_difference_of_rekd_and_re_of_each_student():
    found = compared(some())
    claim = found[f"{REKD} - {RE}"]
    assert (claim.title, claim.task, claim.size, claim.part) == ("REKD - RE", "imdb", "2 layers x 384", "headline")
    assert claim.accuracy.mean == pytest.approx(0.025, abs=0.005) and claim.accuracy.excludes_zero
    assert (claim.wanted, claim.accuracy.n, claim.every.n, claim.leaky) == (10, 9, 10, 1)
    for other in ("kd", "cls", "random"):
        assert f"cifar10-64x3-rekd - cifar10-64x3-{other}" in found
    assert "cifar10-64x3-re - cifar10-64x3-random" in found and "imdb-teacher - imdb-teacher-cls" in found
    assert "imdb-2-layers-rekd-rate-5 - imdb-2-layers-re-rate-5" in found


def test_an_ablation_is_held_against_the_default_of_its_student():
    found = compared(some())
    assert found["imdb-2-layers-rekd-alpha-0 - imdb-2-layers-rekd"].title == "REKD (alpha 0) - REKD"
    assert found["imdb-2-layers-rekd-alpha-0 - imdb-2-layers-rekd"].wanted == 5
    assert not [name for name in found if name.startswith("cifar10") and name.endswith("imdb-2-layers-rekd")]


def test_rows_of_the_official_preset_are_compared_with_each_other_and_with_the_defaults():
    results = rows_of(RE, 0.86) + rows_of(REKD, 0.89)
    official = [f"{name}-official" for name in (RE, REKD)]
    results += [each for name in official for each in rows_of(name, 0.7, range(2026, 2031))]
    assert {
        f"{official[1]} - {official[0]}",
        f"{official[0]} - {RE}",
        f"{official[1]} - {REKD}",
    } <= set(compared(results))


def test_a_pair_with_a_leaky_run_is_in_the_difference_of_all_alone():
    results = rows_of(RE, 0.86, leaky={2030}) + rows_of(REKD, 0.88)
    results = [
        replace_accuracy(result, 0.95) if (result.row, result.seed) == (RE, 2030) else result for result in results
    ]
    claim = compared(results)[f"{REKD} - {RE}"]
    assert claim.accuracy.mean == pytest.approx(0.02) and claim.every.mean < 0.013
    assert claim.accuracy.p == 2 / 2**9 and claim.every.p > claim.accuracy.p, "nine honest pairs, all of one sign"


def replace_accuracy(result, accuracy):
    return made(result.row, result.seed, accuracy, result.rate(), bool(result.honest))


def test_only_seeds_that_both_rows_have_are_compared():
    claim = compared(rows_of(RE, 0.86, range(2026, 2029)) + rows_of(REKD, 0.88, range(2027, 2034)))[f"{REKD} - {RE}"]
    assert (claim.accuracy.n, claim.accuracy.alone) == (2, 6)


def test_realised_rates_are_compared_beside():
    results = rows_of(RE, 0.86, rate=0.10) + rows_of(REKD, 0.88, rate=0.105) + rows_of("imdb-2-layers-cls", 0.87)
    found = compared(results)
    assert found[f"{REKD} - {RE}"].rate.mean == pytest.approx(0.005)
    assert found[f"{REKD} - imdb-2-layers-cls"].rate is None, "a model of the whole input has no rate to match"


def test_p_is_of_ten_seeds_and_holm_of_all_that_have_one():
    results = rows_of(RE, 0.86) + rows_of(REKD, 0.88) + rows_of("imdb-2-layers-cls", 0.87)
    results += rows_of("imdb-2-layers-rekd-alpha-0", 0.87, range(2026, 2031))
    found = compared(results)
    with_p = {name: each.accuracy for name, each in found.items() if each.accuracy.p is not None}
    assert set(with_p) == {f"{REKD} - {RE}", f"{REKD} - imdb-2-layers-cls"}
    assert all(each.p == 2 / 1024 and each.adjusted == 4 / 1024 for each in with_p.values())
    assert found["imdb-2-layers-rekd-alpha-0 - imdb-2-layers-rekd"].accuracy.adjusted is None


def test_rows_without_a_common_run_are_not_compared():
    assert compared([]) == {} and compared([made(RE)]) == {}
    assert compared([made(RE, 2026), made(REKD, 2027)]) == {}
    assert compared([made(RE, 2026, report={}), made(REKD, 2026)]) == {}, "what was not measured is not 0"


def test_learning_rates_that_were_tried_are_compared_with_nothing():
    tried = [made(f"imdb-2-layers-re-lr-{rate}", seed, 0.8) for rate in ("0.0004", "0.0001") for seed in (2024, 2025)]
    assert compared(tried) == {}


def test_comparisons_are_plain_values_for_json():
    told = json.loads(json.dumps([each.to_dict() for each in comparisons(aggregates(some()))]))
    assert told[0]["name"] == "imdb-teacher - imdb-teacher-cls" and told[0]["accuracy"]["n"] == 5


def shares(results, **more):
    return {each.group: (each.leaky, each.of) for each in leaky_shares(results, **more)}


def test_leaky_runs_are_counted_by_kind_and_by_the_teachers_honesty():
    assert shares(some()) == {
        "re": (1, 37),
        "rekd-honest": (0, 29),
        "rekd-leaky": (4, 5),
        "rekd-unknown": (0, 5),
        "made": (1, 1),
    }


def test_students_of_a_teacher_that_was_to_leak_and_did_not_are_no_students_of_honest_teachers():
    teacher = made("cifar10-teacher-leaky", honest=True)
    student = made("cifar10-64x3-rekd-leaky-teacher", teacher_hash=teacher.hash)
    assert shares([teacher, student]) == {"made": (0, 1), "rekd-made": (0, 1)}
    assert shares([replace(student, teacher_hash="trained again"), teacher])["rekd-made"] == (0, 1)
    assert shares([student, made("cifar10-teacher-leaky", honest=False)])["rekd-leaky"] == (0, 1)


def test_a_teacher_is_known_by_its_hash_first():
    student = made(REKD, teacher_hash="of-own-run")
    assert shares([student, made("", 1, honest=False, hash="of-own-run")])["rekd-leaky"] == (0, 1)
    assert shares([student], among=[made("", 1, hash="of-own-run")]) == {"rekd-honest": (0, 1)}


def test_a_teacher_that_was_trained_again_is_known_by_its_row():
    student = made("imdb-2-layers-rekd-self", 2028, teacher_hash="trained-again")
    assert shares([student, made(RE, 2028, honest=False)])["rekd-leaky"] == (0, 1)
    assert shares([student, made(RE, 2026, honest=False)])["rekd-unknown"] == (0, 1), "another seed is another teacher"


def test_a_teacher_that_was_made_to_leak_needs_no_result():
    assert shares([made("cifar10-64x3-rekd-leaky-teacher", honest=False, rate=0.15)]) == {"rekd-leaky": (1, 1)}


def test_runs_without_masks_or_measures_are_not_counted():
    assert leaky_shares([made("imdb-2-layers-cls"), made("imdb-2-layers-random"), made(report={})]) == []


def test_hashes_of_teachers_made_for_tests_are_those_of_their_runs():
    student = made("imdb-2-layers-rekd", 2031)
    assert student.teacher_hash == hash_of("imdb-teacher", 2026) == made("imdb-teacher").hash
    assert replace(student, teacher_hash="") != student
