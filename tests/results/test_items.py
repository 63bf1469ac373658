"""Rows of the protocol, the runs that each asks for, and the order in which they are given out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results.small import AFTER, BROKEN, ROWS, STUDENT, TAUGHT, TEACHER, WEAK, names, trained

from rekd.results import items as asked
from rekd.results.items import Item, items
from rekd.results.protocol import find_rows, rows
from rekd.results.row import FIRST, PARTS, SAME
from rekd.results.running import Pending
from rekd.training.fit import start


def test_every_row_of_the_protocol_can_be_configured_and_needs_rows_that_there_are(tmp_path):
    every = {row.name: row for row in rows()}
    assert len(every) == len(rows()) and {row.part for row in rows()} == set(PARTS)
    for row in rows():
        named = {field: f"/runs/{name}/checkpoint" for field, (name, _) in row.learns.items()}
        config = row.config(row.seeds[0], named)
        assert config.task == row.task and config.seed == row.seeds[0]
        assert bool(config.teacher) == (row.kind in ("kd", "rekd"))
        for name, which in row.learns.values():
            source = every[name]
            assert source.task == row.task and (which == FIRST or set(row.seeds) <= set(source.seeds)), row.name
            assert not source.settings.get("rate") or source.settings["rate"] == row.settings.get("rate"), row.name


def test_re_and_rekd_of_a_student_differ_in_the_teacher_early_stopping_and_their_rate_of_learning_alone():
    by_name = {row.name: row for row in rows()}
    for student in ("imdb-2-layers", "cifar10-64x3", "imdb-1-layer", "cifar10-128x4", "cifar100-64x3"):
        re, rekd = by_name[f"{student}-re"], by_name[f"{student}-rekd"]
        own = {"patience": 8, "learning_rate": re.settings["learning_rate"]}
        assert re.seeds == rekd.seeds and dict(re.settings) == {**rekd.settings, **own}
        assert re.learns == {name: of for name, of in rekd.learns.items() if name != "teacher"}


@pytest.mark.parametrize("student", ["imdb-2-layers", "cifar10-64x3"])
def test_every_kind_tries_the_same_rates_of_learning_and_re_and_rekd_have_one_of_them(student):
    by_name = {row.name: row for row in rows()}
    tried = {
        kind: [row.settings["learning_rate"] for row in find_rows([f"{student}-{kind}-lr-*"])]
        for kind in ("cls", "kd", "re", "rekd")
    }
    assert tried["cls"] == tried["kd"] == tried["re"] == tried["rekd"] and len(tried["re"]) == 5
    for kind in ("re", "rekd"):
        assert by_name[f"{student}-{kind}"].settings["learning_rate"] in tried[kind]
        assert not {*by_name[f"{student}-{kind}"].seeds} & {*find_rows([f"{student}-{kind}-lr-*"])[0].seeds}


def test_rows_are_found_by_name_pattern_and_part():
    assert [row.name for row in find_rows(["imdb-2-layers-rekd"])] == ["imdb-2-layers-rekd"]
    assert {row.task for row in find_rows(["imdb-*"])} == {"imdb"}
    assert {row.part for row in find_rows(["headline"])} == {"headline"} and find_rows([]) == list(rows())
    with pytest.raises(ValueError, match="No row of the protocol is called 'imbd-re'.*or a part: teachers"):
        find_rows(["imbd-re"])


def test_a_mistyped_row_or_part_is_answered_with_the_nearest():
    for given, near in (("imdb-2-layers-rekdd", "imdb-2-layers-rekd"), ("headlines", "headline")):
        with pytest.raises(ValueError, match=f"Did you mean {near}\\?"):
            find_rows([given])
    with pytest.raises(ValueError, match="No row of the protocol is called 'nothing'. Give a name"):
        find_rows(["nothing"])


def test_what_a_run_learns_from_comes_before_it_once(small_rows, tmp_path):
    found = items([WEAK, TAUGHT], tmp_path)
    assert names(found) == [
        "digits-teacher-seed-1",
        "digits-teacher-weak-seed-1",
        "digits-tiny-rekd-seed-1",
        "digits-tiny-rekd-seed-2",
    ]
    assert names(items([TAUGHT], tmp_path, [2])) == ["digits-teacher-seed-1", "digits-tiny-rekd-seed-2"]
    with pytest.raises(ValueError, match="No row chosen has the seed 7; the seeds are 1, 2"):
        items([TAUGHT], tmp_path, [7])


def test_what_a_trained_run_has_learnt_from_itself_is_not_wanted_again(small_rows, tmp_path):
    late = replace(TAUGHT, name="digits-late-rekd", seeds=(1,), learns={"teacher": (TAUGHT.name, SAME)})
    assert names(items([late], tmp_path))[0] == "digits-teacher-seed-1"
    trained(Item(TAUGHT, 1, tmp_path))
    assert names(items([late], tmp_path)) == ["digits-tiny-rekd-seed-1", "digits-late-rekd-seed-1"]


def test_the_official_presets_teacher_has_none_of_our_penalties():
    for task in ("imdb", "cifar10"):
        row = find_rows([f"{task}-teacher-official"])[0]
        config = row.config(2026, dict.fromkeys(row.learns, "a checkpoint"))
        assert (config.rate_form, config.example_rate_weight) == ("count", 0.0)


def test_a_weak_teacher_stops_half_way_between_chance_and_the_best_of_the_whole_run(small_rows, tmp_path):
    trained(Item(TEACHER, 1, tmp_path), best=0.7)
    assert Item(WEAK, 1, tmp_path).config().stop_at == 0.4  # chance .1


def test_a_run_is_given_out_once_what_it_needs_is_trained(small_rows, tmp_path):
    teacher, student = items([TAUGHT], tmp_path, [1])
    pending = Pending([student, teacher])
    assert pending.take(lambda: False) is teacher
    trained(teacher, done=False)
    pending.ends(teacher)
    assert pending.take(lambda: False) is student
    assert student.config().teacher == str(teacher.folder / "checkpoint")


def test_what_most_others_wait_for_is_given_out_first_and_the_rest_in_order(monkeypatch, tmp_path):
    alone, late = replace(BROKEN, name="digits-alone-re"), replace(TEACHER, name="digits-late", part="rates")
    onward = replace(STUDENT, name="digits-onward-rekd", seeds=(2,), learns={"teacher": (TAUGHT.name, SAME)})
    monkeypatch.setattr(asked, "rows", lambda: (late, alone, onward, *ROWS))
    pending = Pending(items([late, alone, TAUGHT, onward], tmp_path))
    assert names(pending.left) == [
        "digits-teacher-seed-1",  # for three, one of them by way of another
        "digits-tiny-rekd-seed-2",
        "digits-alone-re-seed-1",
        "digits-alone-re-seed-2",
        "digits-tiny-rekd-seed-1",
        "digits-onward-rekd-seed-2",
        "digits-late-seed-1",  # of a later part
        "digits-late-seed-2",
    ]


def test_steps_are_made_as_is_asked_for_unless_the_run_began_otherwise(small_rows, tmp_path):
    item = Item(TEACHER, 1, tmp_path)
    assert item.config().engine == "auto" and item.config("compile").engine == "compile"
    start(item.config("graph"), item.folder)
    assert item.config("compile") == item.config() == replace(item.config(), engine="graph") and not item.changed


def test_a_run_whose_teacher_failed_is_not_begun_and_says_so(small_rows, tmp_path):
    first, second = items([AFTER], tmp_path, [1])
    pending = Pending([first, second])
    pending.ends(pending.take(lambda: False), "failed: no such backbone")
    assert pending.take(lambda: False) is None
    assert pending.blocked() == {second.name: "It needs digits-broken-re-seed-1, not trained."}
    assert pending.faults == {first.name: "failed: no such backbone"}
