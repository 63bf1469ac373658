"""The parts of the page Results that are pure: the forest plot, the frontier, what belongs together, the address."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from results.made import made, some

from rekd.config import TrainConfig
from rekd.results.statistics import Difference, paired
from rekd.results.summary import aggregates
from rekd.results.tried import trials
from rekd.ui import results_charts, results_forest, results_points, results_sanity, results_tried
from rekd.ui.results_charts import Mean, Point
from rekd.ui.results_forest import Compared, points
from rekd.ui.results_groups import Group, grouped, measured, narrowed, usual_part
from rekd.ui.results_state import Chosen, address, parse, settled
from rekd.ui.results_table import share, table

ALL_PARTS = Chosen(part="all")


@pytest.fixture(scope="module")
def groups():
    return grouped(aggregates(some()))


def group(groups, key):
    return next(each for each in groups if each.key == key)


def places(html, name):
    return [float(found) for found in re.findall(rf'{name}[^"]*" style="left:([\d.]+)%', html)]


def test_a_forest_plot_puts_dots_and_intervals_where_their_numbers_are():
    drawn = results_forest.forest([Compared("a − b", Difference(5, 0, 0.02, 0.01, 0.01, 0.03))], "Some")
    assert "+2.0 [+1.0, +3.0]" in drawn and ">+4<" in drawn, "the axis reaches to a round number beyond the interval"
    assert places(drawn, "rk-forest-dot") == [75.0] and places(drawn, "rk-forest-zero") == [50.0]
    assert 'rk-forest-span" style="left:75.00%;width:25.00%"' in drawn


@pytest.mark.parametrize("edge", [0.0, 0.004, 0.0104, 0.049, 0.099, 0.31, 0.9])
def test_the_axis_holds_every_interval(edge):
    reach = results_forest.reach([Difference(5, 0, 0.0, 0.1, -edge, edge)])
    assert edge <= reach <= max(0.011, 2.2 * edge) + 0.01


def test_a_difference_says_what_it_has_and_no_more():
    told = results_forest.told
    assert (points(0.00031), points(-0.00031), points(0.0), points(-0.012)) == ("+0.03", "−0.03", "0.0", "−1.2")
    assert told(Difference()) == "no pair" and told(paired({1: 0.9}, {1: 0.8})) == "+10.0, one pair"
    assert told(Difference(2, 0, -0.00001, 0.1, -0.1, 0.1)) == "0.0 [−10.0, +10.0]", "no minus before a zero"
    drawn = results_forest.forest([Compared("a", paired({1: 0.9}, {1: 0.8}))], "Some")
    assert "rk-forest-dot rk-forest-one" in drawn and 'class="rk-forest-span' not in drawn
    drawn = results_forest.forest([Compared("a", Difference(9, 0, 0.1, 0.1, 0.05, 0.15))], "Some")
    assert "n 9<" in drawn and "p " not in drawn.split("n 9")[1]
    tested = Difference(10, 0, 0.1, 0.1, 0.05, 0.15, p=0.0019531, adjusted=0.0137)
    assert "n 10, p .002, Holm .014" in results_forest.forest([Compared("a", tested)], "Some")


def test_labels_of_a_forest_plot_are_text():
    drawn = results_forest.forest([Compared("<i>a", Difference(), '"b"<script>')], '"><b>')
    assert "<script>" not in drawn and "<i>a" not in drawn and "<b>" not in drawn


def test_leaky_runs_are_crossed_means_are_open_and_own_runs_have_a_sign_of_their_own():
    points = [
        Point("one", "rekd", 0.1, 0.9, "one"),
        Point("two", "rekd", 0.1, 0.95, "two", leaky=True),
        Point("three", "rekd", 0.1, 0.8, "three", own=True),
    ]
    figure = results_charts.frontier("<b>", points, [Mean("rekd", 0.1, 0.9, 0.01, "REKD")], chosen="two")
    symbols = {trace.name: trace.marker.symbol for trace in figure.data}
    assert symbols["REKD: a seed each"] == "circle" and symbols["REKD: mean ± sd"] == "circle-open"
    assert [symbol for name, symbol in symbols.items() if "leaky" in name] == ["circle-x-open"]
    assert symbols["REKD: yours"] == "circle-open-dot" and symbols["chosen"] == "cross-thin-open", "unlike a mean"
    keys = [key[0] for trace in figure.data if trace.customdata is not None for key in trace.customdata]
    assert sorted(keys) == ["one", "three", "two"], "each point opens one run, and a mean none"
    assert figure.layout.title.subtitle.text == "&lt;b&gt;"


def test_kinds_differ_in_colour_and_in_symbol():
    signs = results_charts.SIGNS.values()
    for name in ("colour", "symbol", "letter", "dash"):
        assert len({getattr(sign, name) for sign in signs}) == len(signs), name


def test_a_student_s_points_are_its_runs_on_test_and_its_means_leave_out_leaky_and_own_runs(groups):
    student = group(groups, "imdb: 2 layers x 384")
    points, means = results_points.points(student, "top-k"), results_points.means(student, "top-k")
    assert sum(point.leaky for point in points) == 1 and {point.kind for point in points} == {"random", "re", "rekd"}
    assert not any("alpha" in point.told for point in points), "ablations are no frontier"
    at = {(mean.kind, mean.rate and round(mean.rate, 2)): mean for mean in means}
    assert set(at) == {(kind, None) for kind in ("cls", "kd")} | {
        (kind, rate)
        for kind, rates in {"random": [0.1], "re": [0.05, 0.1], "rekd": [0.05, 0.1]}.items()
        for rate in rates
    }
    honest = [point.accuracy for point in points if point.kind == "re" and point.rate > 0.07 and not point.leaky]
    assert at["re", 0.1].accuracy == pytest.approx(sum(honest) / 9)
    own = results_points.means(group(groups, "imdb: 1 layer x 384"), "top-k")
    assert not own, "an own run has no mean"


def test_what_is_in_the_box_is_on_the_chart_only_where_the_protocol_has_no_run():
    boxed = replace(aggregates([made("", 1, 0.5, honest=False, name="boxed")])[-1], part="box")
    alone = Group("imdb", "some", (boxed,))
    assert [point.key for point in results_points.points(alone, "top-k")] == ["boxed"]
    ran = [row for row in aggregates([made(seed=2026), made("", 2, name="mine")]) if row.results]
    beside = Group("imdb", "some", (*ran, boxed))
    keys = {point.key for point in results_points.points(beside, "top-k")}
    assert keys == {"imdb-2-layers-re-seed-2026", "mine"}, "own runs stay"


def test_a_row_says_how_long_and_at_what_rate_it_learned_once_it_has_a_run():
    rows = {row.name: row for row in aggregates([made(cpu_ms=None)])}
    drawn = table([Group("imdb", "some", (rows["imdb-2-layers-re"], rows["imdb-2-layers-rekd"]))], {}, "Some")
    assert drawn.count("2,106 steps at 0.0002<") == 1 and drawn.count(" steps at ") == 1
    assert "one answer" not in drawn, "no column that nobody measured"
    assert "one answer" in table([Group("imdb", "some", tuple(aggregates([made()])))], {}, "Some")


def test_under_another_rule_rates_are_those_of_that_rule(groups):
    student = group(groups, "imdb: 2 layers x 384")
    rates = {rule: results_points.points(student, rule)[-1].rate for rule in ("top-k", "threshold")}
    assert rates["threshold"] == pytest.approx(0.9 * rates["top-k"])


def test_curves_are_a_line_a_seed_and_mark_the_kept_step():
    runs = [made(seed=seed) for seed in (2026, 2027)]
    figure = results_charts.learning_curves("x", runs)
    line, kept = figure.data
    assert sum(value != value for value in line.y.tolist()) == 2 and len(line.y) == 18, "a gap behind each seed"
    assert line.name == "RE, 2 seeds" and len(kept.x) == 2 and set(kept.x.tolist()) == {runs[0].best_step}


def test_rates_that_were_tried_are_a_line_a_kind_with_a_dot_a_seed_and_the_best_in_words():
    tried = {"re": {0.0001: 0.87, 0.0002: 0.89, 0.0004: 0.88}, "rekd": {0.0004: 0.9, 0.0008: 0.89}}
    rows = {f"imdb-2-layers-{kind}-lr-{rate:g}": dev for kind, read in tried.items() for rate, dev in read.items()}
    runs = [made(row, seed, dev, report={}) for row, dev in rows.items() for seed in (2024, 2025)]
    held = trials(aggregates(runs))
    figure = results_tried.by_rate("<b>", held)
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines"}
    assert [y == y for y in lines["RE"].y.tolist()] == [True, True, True, False], "a gap where it has no run"
    assert (
        lines["RE"].x.tolist() == [0.0001, 0.0002, 0.0004, 0.0008] and lines["REKD"].line.dash != lines["RE"].line.dash
    )
    dots = [trace for trace in figure.data if trace.mode == "markers" and trace.marker.symbol == "circle"]
    assert [len(trace.x) for trace in dots] == [3, 3, 2, 2]
    assert [("seed 2024" in dot.hovertemplate, "seed 2025" in dot.hovertemplate) for dot in dots] == [
        (True, False),
        (False, True),
    ] * 2
    diamonds = [trace.x.tolist() for trace in figure.data if trace.marker.symbol == "diamond"]
    assert diamonds == [[0.0002], [0.0008]] and "<b>" not in figure.layout.title.subtitle.text
    assert figure.layout.xaxis.type == "log" and "0.0001" in figure.layout.xaxis.ticktext
    re_told, _, rekd_told = results_tried.in_words(held).partition(" REKD: ")
    assert re_told == "RE: best 0.8307 at 0.0002 (2 seeds), of 0.0001 to 0.0004."
    leaky = made("imdb-2-layers-re-lr-0.0008", 2024, 0.99, report={}, habits={"dev_swap": 0.3})
    held = trials(aggregates([*runs, leaky]))
    assert [len(t.x) for t in results_tried.by_rate("x", held).data if t.marker.symbol == "circle-x-open"] == [1]
    assert "RE: best 0.8307 at 0.0002 (2 seeds), of 0.0001 to 0.0008; 1 of 7 runs leaky." in results_tried.in_words(
        held
    )
    alone = trials(aggregates([leaky]))
    assert results_tried.in_words(alone) == "RE: no honest run (1 of 1 runs leaky)."
    other = trials(aggregates([made("cifar10-64x3-cls-lr-0.002", 2024, 0.7, report={})]))
    assert "; its own row has 0.004, which has no run here." in results_tried.in_words(other)
    low, high = results_tried.by_rate("x", alone).layout.yaxis.range
    assert high - low < 0.03, "an axis that fits the only value"
    assert "that is the end of what was tried" in rekd_told and "its own row has 0.0008, 0.8307 here." in rekd_told


def test_own_runs_of_a_student_s_towers_stand_with_it_and_others_by_themselves():
    alike = TrainConfig("imdb", "re", backbone_args={"layers": [0, 5]})
    other = replace(alike, backbone_args={"layers": [1, 2, 3]})
    held = grouped(aggregates([made("", 1, name="alike", config=alike), made("", 1, name="other", config=other)]))
    places = {row.name: each.size for each in held for row in each.rows if row.row is None}
    assert places == {"alike": "2 layers x 384", "other": "7.5 M parameters"}


def test_teachers_come_before_their_students_and_with_them(groups):
    assert usual_part(groups, "imdb", "1 layer x 384") == "sizes" and usual_part(groups, "imdb") == "headline"
    shown = narrowed(groups, Chosen(part=usual_part(groups, "all")))
    assert [each.key for each in shown if each.task == "cifar10"] == [
        "cifar10: teacher, ViT 6 x 192",
        "cifar10: ViT 3 x 64",
    ]
    assert not [each for each in shown if each.task == "cifar100"], "no teacher without a student"
    rows = [row.name for each in narrowed(groups, Chosen(part="rates")) for row in each.rows if row.row]
    assert "imdb-teacher" not in rows and "imdb-2-layers-re-rate-5" in rows
    assert len([row for each in narrowed(groups, ALL_PARTS) for row in each.rows]) == len(aggregates(some()))


def test_charts_open_with_a_student_that_has_runs(groups):
    assert measured(groups, ALL_PARTS)[0].key == "imdb: 2 layers x 384"
    assert all(each.results for each in measured(groups, ALL_PARTS))


def test_a_table_of_hostile_names_is_text(groups):
    drawn = table([replace(groups[0], size="<img src=x>")], {}, '"><script>')
    assert "<img" not in drawn and "<script>" not in drawn


def lines_of(html):
    """The cells of every line of a table, as text, by the row's name."""
    found = {}
    for line in re.findall(r"<tr>(.*?)</tr>", html):
        name = re.search(r'class="rk-name">([^<]*)</div>', line)
        cells = re.findall(r"<td[^>]*>(.*?)</td>", line)
        if name:
            found[name.group(1)] = [re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", cell)).strip() for cell in cells]
    return found


def selecting(*results):
    rows = tuple(row for row in aggregates(results) if row.results)
    return results_sanity.table([Group(rows[0].task, "some", rows)], "<b>a task")


def test_what_is_selected_is_shown_with_its_base_and_the_classes_with_their_names():
    drawn = selecting(made("cifar10-64x3-re", 2026, rate=0.15), made("cifar10-64x3-re", 2027, rate=0.15))
    assert "<b>" not in drawn and "border, of selected" in drawn and "punctuation" not in drawn
    assert lines_of(drawn)["cifar10-64x3-re"] == [
        "31.1 % ± 0.1 % of all 44.0 %",
        "0.931 ± 0.001",
        "14.2 % ± 0.0 % airplane",
        "15.8 % ± 0.0 % truck",
        "0.0 % ± 0.0 %",
    ]


def test_a_selection_that_was_not_measured_is_a_dash_with_its_reason():
    half = {"selected_punctuation": 0.0, "all_punctuation": 0.13}
    drawn = selecting(
        made(habits=half),
        made(seed=2027, habits={}, report={}),
        made("imdb-2-layers-rekd", honest=False),
        made("imdb-2-layers-rekd-alpha-0", habits={}, report={}),
    )
    found = lines_of(drawn)
    assert found["imdb-2-layers-re"][:3] == ["0.0 % of all 13.0 %, 1 of 2 runs", "–", "–"]
    assert found["imdb-2-layers-rekd"] == found["imdb-2-layers-rekd-alpha-0"] == ["–"] * 6
    assert drawn.count("every run is leaky") == 6 and drawn.count("no honest run") == 1


def test_pairs_are_those_that_come_with_the_project_and_no_exhibits(tmp_path, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path)

    def info(name, role, task="imdb", folder=tmp_path, promoted=0.0):
        return SimpleNamespace(name=name, role=role, task=task, folder=folder / name, promoted=promoted)

    elsewhere = tmp_path / "elsewhere"
    shipped = [info("a-re", "re"), info("a-rekd", "rekd"), info("leaky", "exhibit"), info("c-re", "re", "cifar10")]
    others = [info("b-re", "re", folder=elsewhere), info("b-rekd", "rekd", "cifar10", elsewhere)]
    others += [info("mine", "re", promoted=1.0)]
    found = results_sanity.shipped_pairs([*shipped, *others])
    assert {task: [each.name for each in pair] for task, pair in found.items()} == {"imdb": ["a-re", "a-rekd"]}


def test_rates_are_told_to_a_tenth_of_a_point():
    assert share(0.1004) == "10.0\u00a0%" and share(0.1006) == "10.1\u00a0%"


def test_an_address_comes_back_as_it_was_and_never_raises():
    chosen = Chosen("imdb", "2 layers x 384", "re", "rates", "imdb: 2 layers x 384", "sampled", "a-run")
    assert parse(address(chosen)) == (chosen, []) and address(Chosen()) == {}
    found, notes = parse({"kind": "x" * 999, "part": "", "rule": "top", "what": "?"})
    assert found == Chosen() and len(notes) == 4
    found, notes = settled(replace(chosen, task="gone"), {"task": ["imdb"], "size": ["2 layers x 384"]})
    assert found == replace(chosen, task="all") and "gone" in notes[0] and len(notes) == 1
