"""The tables as text: what stands in which line, what is marked, and that nothing unmeasured looks like a number."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from results.made import made, some

from rekd.results.comparisons import comparisons, leaky_shares
from rekd.results.row import PARTS
from rekd.results.statistics import Difference, Spread
from rekd.results.summary import aggregates
from rekd.results.told import NONE, accuracy, aligned, compared, interval, number, papers, percent, signed, tables, told


def text(results, task=None):
    rows = [row for row in aggregates(results) if task in (None, row.task)]
    pairs = [each for each in comparisons(aggregates(results)) if task in (None, each.task)]
    return list(told(rows, pairs, leaky_shares(results), dict.fromkeys(row.task for row in rows)))


def cells(lines, start):
    """The cells of the first line that begins so, told apart by two spaces and more."""
    (line, *_) = [line for line in lines if line.strip().startswith(f"{start}  ")]
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_row_has_its_numbers_and_the_command_that_runs_it_again():
    found = cells(
        text([made(seed=seed, accuracy=0.86 + 0.01 * (seed % 2)) for seed in range(2026, 2036)]), "imdb-2-layers-re"
    )
    assert found == [
        "imdb-2-layers-re",
        "0.865 ± 0.005",
        "10 of 10",
        "0 of 10",
        "10.0%",
        "0.682",
        "0.510",
        "0.520",
        "0.004",
        "2106",
        "0.0002",
        "python -m rekd results run imdb-2-layers-re",
    ]


def test_a_leaky_run_is_counted_and_both_means_are_told():
    found = cells(text(some()), "imdb-2-layers-re")
    assert found[1].startswith("0.868 ± ") and "(all 0.869 ± " in found[1] and found[3] == "1 of 10"
    everybody_leaks = cells(text([made(accuracy=0.9, honest=False)]), "imdb-2-layers-re")
    assert everybody_leaks[1] == f"{NONE} (all 0.900)" and everybody_leaks[-4] == "0.410", "what it leaks is told"


def test_missing_seeds_are_named():
    lines = text(some())
    assert cells(lines, "imdb-2-layers-kd")[2] == "7 of 10"
    lines = text(some(), "imdb")[-20:]
    assert any("headline   imdb-2-layers-kd (seed 2033, 2034, 2035)" in line for line in lines), "and no row in full"


def test_rows_that_were_not_run_are_named_at_the_end_and_have_no_number():
    lines = text([made()], "imdb")
    start = lines.index("Not run yet; `python -m rekd results run NAME` runs a row, a pattern or a part")
    assert all(line.startswith("    ") for line in lines[start + 1 :]), "nothing stands behind"
    assert [line.split()[0] for line in lines[start + 1 :] if line[4] != " "] == list(PARTS)[:-1], "imdb has no digits"
    (line,) = [line for line in lines if "imdb-1-layer-*" in line]
    assert not any(sign in line for sign in ("0.", "%", NONE))


def test_every_row_of_the_protocol_is_told_once():
    lines = text(some())
    words = " ".join(lines).replace(",", " ").split()
    patterns = [word for word in words if word.endswith("-*")]
    for row in aggregates([]):
        found = [pattern for pattern in patterns if fnmatchcase(row.name, pattern)]
        assert (row.name in words) + len(found) == 1, "by its name or by one pattern"
    assert {"imdb-1-layer-*", "imdb-2-layers-rekd-lr-*"} <= {*patterns} and "imdb-2-layers-*" not in patterns


def test_a_row_that_was_read_on_dev_says_so():
    lines = text([made(report={})])
    assert cells(lines, "imdb-2-layers-re")[1].startswith("dev 0.8")
    assert [line for line in lines if "not measured on test yet with seed 2026" in line]


def test_learning_rates_that_were_tried_stand_in_a_line_a_kind():
    runs = {"re-lr-0.0002": (0.8, 0.82), "re-lr-0.0004": (0.7, 0.7), "rekd-lr-0.0004": (0.9, 0.9)}
    lines = text(
        [made(f"imdb-2-layers-{name}", 2024 + one, read[one]) for name, read in runs.items() for one in (0, 1)]
    )
    assert cells(lines, "dev accuracy at")[1:] == ["0.0002", "0.0004", "again by"]
    assert cells(lines, "RE")[1:3] == ["0.7560 ± 0.0132 *", "0.6533 ± 0.0000"], "its own row has the first"
    assert cells(lines, "REKD")[1:] == [NONE, "0.8400 ± 0.0000", "python -m rekd results run 'imdb-2-layers-rekd-lr-*'"]
    assert not [line for line in lines if "not measured on test" in line], "it never will be"


def test_accuracies_by_rule_stand_with_their_realised_rates():
    lines = text([made(accuracy=0.88, rate=0.1)])
    (by_rule,) = [line.split("  ") for line in lines if line.strip().startswith("imdb-2-layers-re ") and " at " in line]
    assert [cell.strip() for cell in by_rule if " at " in cell] == [
        "0.876 at 9.0%",
        "0.879 at 10.1%",
        "0.880 at 10.0%",
        "0.874 at 9.7%",
    ]


HABITS = {"selected_punctuation": 0.03, "all_punctuation": 0.13, "certainty": 0.9}


def selected(lines, name):
    """The cells of the head and of a row's line in the table of what is selected."""
    start = next(number for number, line in enumerate(lines) if "what is selected, of" in line)
    return cells(lines[start:], "what is selected, of honest runs"), cells(lines[start:], name)


def test_what_is_selected_stands_beside_its_share_of_all_units():
    text_row = made(habits={**HABITS, "selected_stop words": 0.11, "all_stop words": 0.42})
    head, found = selected(text([text_row]), "imdb-2-layers-re")
    assert head[2:4] == ["punctuation (of all)", "stop words (of all)"]
    assert found[1:4] == ["0.900", "3.0% (13.0%)", "11.0% (42.0%)"]
    head, found = selected(text([made("cifar10-64x3-re", rate=0.15)]), "cifar10-64x3-re")
    assert head[2] == "border (of all)" and found[2] == "31.0% (44.0%)"
    assert found[3:] == ["14.2% airplane", "15.8% truck", "0.0%"]


def test_leaky_runs_are_in_no_mean_of_what_is_selected():
    leaky = made(seed=2028, rate=0.9, honest=False, habits=dict.fromkeys(HABITS, 0.5))
    runs = [made(habits=HABITS), made(seed=2027, habits={**HABITS, "selected_punctuation": 0.05}), leaky]
    _, found = selected(text(runs), "imdb-2-layers-re")
    assert found[1:] == ["0.900 ± 0.000", "4.0 ± 1.4% (13.0%)", "9.5% negative", "10.5% positive", "0.0%"]
    assert not any("what is selected, of" in line for line in text([leaky])), "nothing honest is there to tell of"


def test_what_was_not_measured_of_a_selection_is_a_dash_and_a_measured_nothing_is_not():
    runs = [made(habits=HABITS), made("imdb-2-layers-rekd", habits={}, report={})]
    _, found = selected(text(runs), "imdb-2-layers-rekd")
    assert found[1:] == [NONE] * 5
    nothing = {"selected_punctuation": 0.0, "all_punctuation": 0.13}
    head, found = selected(text([made(habits=nothing), made(seed=2027, habits={})]), "imdb-2-layers-re")
    assert found[1] == "0.0% (13.0%), 1 run", "and of how many runs it is"
    assert head[1:3] == ["punctuation (of all)", "lowest class rate"], "columns of dashes alone are left out"


def test_how_many_counts_tell_the_label_stands_below_the_leaks_and_decides_nothing():
    told_of = (
        "{} outside the bound of the count of selected units, 0.05 over chance, and {} outside that of their places, "
        "0.1 over honest masks, where those are known. Neither decides."
    )
    report = made().report
    over = made(seed=2027, report={**report, "leaks": {**report["leaks"], "count": 0.56}})
    placed = made(seed=2028, report={**report, "leaks": {**report["leaks"], "mask_only": 0.9, "mask_reference": 0.6}})
    given = (
        ([made(), over], ("Of the 2 runs counted, 1 is", "0 of 0")),
        ([made()], ("Of the 1 run counted, 0 are", "0 of 0")),
        ([over, placed], ("Of the 2 runs counted, 1 is", "1 of 1")),
    )
    for runs, said in given:
        lines = text([*runs, made("imdb-2-layers-cls")])
        assert told_of.format(*said) in " ".join(lines[lines.index("Runs whose masks code the label") :])
    assert not any("runs counted" in line for line in text([made("imdb-2-layers-cls")]))


def test_training_budgets_are_told_of_every_kind():
    lines = text([made(f"cifar10-64x3-{kind}") for kind in ("cls", "rekd")])
    assert [cells(lines, f"cifar10-64x3-{kind}")[-3:-1] for kind in ("cls", "rekd")] == [
        ["7000", "0.004"],
        ["2450", "0.008"],
    ]
    assert "RE alone may stop early" in " ".join(lines)


def test_rows_that_were_never_run_have_neither_table_nor_legend():
    lines = text([], "cifar100")
    assert not any(line.startswith(("accuracy:", "Teachers")) for line in lines)
    assert any("cifar100-64x3-*" in line for line in lines)


def test_rows_of_a_task_that_is_not_known_here_have_the_same_columns():
    rows = [row for row in aggregates([made(habits=HABITS), made("imdb-2-layers-rekd", habits={})]) if row.results]
    head, found = selected(list(tables([replace(row, task="letters") for row in rows])), "imdb-2-layers-rekd")
    assert head[2:4] == ["punctuation (of all)", "lowest class rate"] and found[1:3] == [NONE, NONE]


def test_only_rows_that_select_are_told_of_and_lines_stay_narrow():
    lines = text([made("imdb-2-layers-cls"), made("imdb-2-layers-random")])
    assert not any("what is selected, of" in line for line in lines)
    lines = text(some())
    starts = [number for number, line in enumerate(lines) if "what is selected, of" in line]
    assert len(starts) == 8, "and of the teacher made to leak there is nothing honest to tell"
    assert all(len(line) <= 160 for start in starts for line in lines[start : start + 4])


def test_own_runs_are_named_with_their_kind_and_have_no_command():
    assert cells(text(some()), "own-seed-1")[-1] == "RE, of yours: own-seed-1, own-seed-2"


def test_comparisons_have_interval_p_and_pairs():
    lines = list(compared(comparisons(aggregates(some()))))
    claim = cells(lines, "cifar10-64x3-rekd")
    assert claim[1:] == [
        "cifar10-64x3-re",
        "+0.0659",
        "+0.0623 to +0.0694",
        "10 of 10",
        "0.0020",
        "0.0176",
        "+0.00",
        NONE,
    ]
    assert cells(lines, "imdb-2-layers-rekd")[-1] == "+0.0242 (10 pairs)"
    ablation = cells(lines, "cifar10-64x3-rekd-leaky-teacher")
    assert ablation[3:7] == [NONE, "1 of 5", NONE, NONE]
    assert list(compared([])) == []


def test_the_papers_numbers_are_marked_as_its_own_and_only_where_it_has_some():
    lines = list(papers(["imdb"]))
    assert "Published by the paper, not ours" in lines[1] and len(lines) == 9
    assert cells(list(papers(["cifar10"])), "cifar10")[1:] == ["ViT-Base", "RE, teacher", "0.964"]
    assert list(papers(["digits"])) == []


def test_the_papers_numbers_are_in_no_mean_of_ours():
    ours = [line for line in text([made(accuracy=0.5)]) if "imdb-2-layers-re  " in line]
    assert ours and not any("0.881" in line or "0.863" in line for line in ours)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Spread(), NONE),
        (Spread(1, 0.5), "0.500"),
        (Spread(3, 0.5, 0.0123), "0.500 ± 0.012"),
        (Spread(2, 0.0, 0.0), "0.000 ± 0.000"),
    ],
)
def test_numbers(found, said):
    assert number(found) == said


def test_signs_and_absent_numbers():
    assert (signed(0.0124), signed(-0.00004), signed(None), percent(None), percent(0.105)) == (
        "+0.0124",
        "+0.0000",
        NONE,
        NONE,
        "10.5%",
    )
    assert (
        interval(Difference(1, 0, 0.1)) == NONE and interval(Difference(low=-0.01, high=0.02)) == "-0.0100 to +0.0200"
    )


def test_columns_are_aligned_and_lines_have_no_trailing_spaces():
    assert aligned([("a", "b"), ("long", "c")]) == ["    a     b", "    long  c"]
    assert all(line == line.rstrip() for line in text(some()))


def test_a_row_without_any_measure_has_a_dash():
    (row,) = [row for row in aggregates([made(report={}, curve=())]) if row.results]
    assert accuracy(row) == NONE
