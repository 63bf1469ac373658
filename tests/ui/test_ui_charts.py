"""The charts of runs: what is drawn, on which axis, and in how many points; how it looks is looked at."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from rekd.config import TrainConfig
from rekd.measures.faithfulness import Curves
from rekd.ui import charts
from rekd.ui.comparison import compare, shortened
from rekd.ui.curves import MOST_POINTS, series, thin
from rekd.ui.score_charts import curve_chart

CLS = TrainConfig("digits", "cls", steps=200, rate=0.15)
RE = replace(CLS, kind="re")
REKD = replace(CLS, kind="rekd", teacher="runs/teacher-1/checkpoint")
DRAWN = (charts.losses, charts.accuracy_and_rate, charts.schedule, charts.gradients)


def lines_of(config, count=20, offset=0.0) -> list[dict]:
    """Lines as the trainer logs them, every tenth step, with an evaluation at every second."""
    out = []
    for n in range(1, count + 1):
        line = {"step": 10 * n, "total": 3.0, "task": 2.0 + offset, "accuracy": n / 40, "gradient_norm": 2.0}
        line |= {"examples_per_second": 100.0 + n, "learning_rate": 1e-3, "alpha": config.alpha}
        terms = {"task": 1.0}
        if config.kind in ("re", "rekd"):
            line |= {"rate": (-1) ** n * 0.1, "r": 0.15 + 0.01 * (-1) ** n, "tau": 5 / n, "target_rate": 0.15}
            terms["rate"] = 0.1
        if config.kind == "rekd":
            line |= {"rationale": 800.0 / n, "prediction": 0.5 / n}
            terms |= {"rationale": 30.0, "prediction": 0.01}
        if n % 2 == 0:
            line |= {"dev_accuracy": 0.9 - abs(n - 12) / 40 + offset, "gradients": terms}
        out.append(line)
    return out


def named(figure, start):
    (found,) = [trace for trace in figure.data if trace.name.startswith(start)]
    return found


def quiet(figure) -> bool:
    return bool(figure.layout.annotations) and not any(trace.showlegend for trace in figure.data)


@pytest.mark.parametrize("config", [CLS, RE, REKD], ids=lambda config: config.kind)
@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_every_chart_of_every_kind_names_its_axes_and_stands_without_a_line(draw, config):
    full, empty = draw(lines_of(config), config), draw([], config)
    for figure in (full, empty):
        axes = list(figure.select_yaxes())
        assert figure.layout.title.text and all(axis.title.text for axis in axes)
        assert "step" in {axis.title.text for axis in figure.select_xaxes()}
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        json.loads(figure.to_json())
    assert not quiet(full) and quiet(empty) and "yet" in empty.layout.annotations[0].text
    assert full.layout.uirevision == empty.layout.uirevision, "or a chart redrawn in place would lose its zoom"


def test_each_term_is_drawn_under_its_name_and_unlike_every_other():
    figure = charts.losses(lines_of(REKD), REKD)
    assert {trace.name.split(",")[0] for trace in figure.data} == {"total", "task", "rate", "rationale", "prediction"}
    signs = [(trace.line.color, trace.line.dash) for trace in figure.data]
    assert len(set(signs)) == len(signs)
    assert named(figure, "rationale").y[:2].tolist() == [800.0, 400.0], "as logged, unweighted"
    assert {trace.name for trace in charts.losses(lines_of(CLS), CLS).data} == {"task"}


def test_the_axis_of_losses_is_logarithmic_only_where_values_are_far_apart_and_the_signed_term_never():
    wide, near = charts.losses(lines_of(REKD), REKD), charts.losses(lines_of(RE), RE)
    assert (wide.layout.yaxis.type, near.layout.yaxis.type) == ("log", "linear")
    assert named(wide, "rate").yaxis == "y2" and wide.layout.yaxis2.type == "linear"
    zero = [{**line, "rationale": 0.0} for line in lines_of(REKD)]
    assert charts.losses(zero, REKD).layout.yaxis.type == "linear", "a logarithmic axis would hide the zeros"


@pytest.mark.parametrize(
    ("parts", "said"),
    [("both", "0.5 rationale + prediction"), ("rationale", "0.5 rationale"), ("prediction", "prediction")],
)
def test_how_the_terms_are_weighed_is_said(parts, said):
    assert charts.weights(replace(REKD, parts=parts)) == f"total = 0.3 (task + rate)<br>+ 0.7 ({said})"
    tempered = charts.weights(replace(REKD, temper_rationale=True))
    assert tempered.endswith("0.7 (0.5 min(1, tau) rationale + prediction)")
    assert charts.weights(RE) == "total = task + rate" and charts.weights(CLS) == ""


def test_accuracy_says_what_it_is_of_and_marks_the_best():
    figure = charts.accuracy_and_rate(lines_of(RE), RE)
    dev, best = named(figure, "dev"), named(figure, "best")
    assert "top-k" in dev.name and dev.x.tolist() == list(range(20, 201, 20))
    assert best.name == "best on dev: 0.900 at step 120" and (best.x[0], best.marker.symbol) == (120, "star")
    official = replace(RE, noise_at_test=True)
    assert "drawn mask" in named(charts.accuracy_and_rate(lines_of(RE), official), "dev").name
    assert "whole input" in named(charts.accuracy_and_rate(lines_of(CLS), CLS), "dev").name
    early = charts.accuracy_and_rate(lines_of(RE)[:1], RE)
    assert not [trace for trace in early.data if trace.name.startswith("best")]
    assert named(early, "dev").showlegend, "what is still to come is named"


def test_the_share_selected_stands_against_its_target_and_band():
    figure = charts.accuracy_and_rate(lines_of(RE), RE)
    target, (band,) = named(figure, "target 15 %"), figure.layout.shapes
    assert np.allclose(target.y, 0.15) and target.yaxis == named(figure, "share").yaxis == "y2"
    assert band.yref == "y2" and np.allclose((band.y0, band.y1), (0.135, 0.165))
    assert not charts.accuracy_and_rate(lines_of(CLS), CLS).layout.shapes, "cls selects nothing"


def test_the_schedule_shows_what_the_kind_has():
    titles = [{axis.title.text for axis in charts.schedule(lines_of(c), c).select_yaxes()} for c in (CLS, RE, REKD)]
    assert titles == [{"learning rate"}, {"learning rate", "tau"}, {"learning rate", "tau", "alpha"}]


def test_gradients_are_drawn_where_they_were_measured_on_a_logarithmic_axis_with_the_cut():
    figure = charts.gradients(lines_of(REKD), REKD)
    assert figure.layout.yaxis.type == "log" and named(figure, "rationale").x.tolist() == list(range(20, 201, 20))
    assert len(named(figure, "all terms").x) == 20 and set(named(figure, "cut at 1").y) == {1.0}
    assert {trace.name for trace in charts.gradients(lines_of(CLS)[:1], CLS).data} == {"all terms together", "cut at 1"}


def test_speed_is_in_examples_a_second():
    figure = charts.speed(lines_of(CLS))
    assert figure.layout.yaxis.title.text == "examples a second" and figure.data[0].y[-1] == 120


def test_a_value_that_is_no_number_leaves_a_gap():
    lines = lines_of(CLS)
    lines[3]["task"], lines[4]["task"], lines[5]["task"] = math.nan, math.inf, None
    steps, values = series(lines, "task")
    assert values[3:5] == [None, None] and 60 not in steps
    assert np.isnan(charts.losses(lines, CLS).data[0].y[3:5]).all()
    assert series([{"step": 1, "gradients": 3}, {"task": 1}], "gradients.task") == ([], [])


def test_a_long_run_is_thinned_to_the_same_line():
    x = list(range(50_000))
    y: list[float | None] = [math.sin(n / 3000) for n in x]
    y[20_001], y[31_113], y[40_000] = 9.0, -9.0, None
    few, values = thin(x, y)
    assert 300 < len(few) <= MOST_POINTS and few == sorted(set(few)) and (few[0], few[-1]) == (0, 49_999)
    assert {(20_001, 9.0), (31_113, -9.0), (40_000, None)} <= set(zip(few, values, strict=True))
    assert thin(x[:600], y[:600]) == (x[:600], y[:600])
    assert thin([], []) == ([], []) and len(thin(x, [None] * len(x))[0]) <= MOST_POINTS
    assert len(thin(x, y, 3)[0]) <= 5


def test_one_sentence_says_what_the_charts_show():
    assert charts.summary(lines_of(RE), RE) == (
        "Step 200 of 200: total loss 3, dev accuracy 0.700 on top-k masks (best 0.900 at step 120), 16.0% selected "
        "for a target of 15 %, 120 examples a second."
    )
    assert charts.summary(lines_of(CLS)[:1], CLS) == "Step 10 of 200: total loss 3, 101 examples a second."
    assert charts.summary([], CLS) == "Nothing is logged yet. The first values come at step 10."


def test_runs_are_compared_one_line_each():
    runs = [("mine", lines_of(RE), RE), ("yours", lines_of(REKD, offset=0.05), REKD)]
    figure = compare(runs)
    assert [trace.name for trace in figure.data] == ["mine", "yours"]
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 2
    assert (
        figure.layout.title.text == "Dev accuracy on digits"
        and "seed 2026, top-k masks" in figure.data[0].hovertemplate
    )
    assert figure.layout.title.subtitle.text == "measured on top-k masks"


def test_seeds_of_one_setting_share_a_colour_and_a_mean():
    runs = [
        (f"run {seed}", lines_of(RE, count, seed / 100), replace(RE, seed=seed))
        for seed, count in ((1, 20), (2, 16), (3, 0))
    ]
    figure = compare([*runs, ("other", lines_of(REKD), REKD)])
    *seeds, mean, other = figure.data
    assert {trace.line.color for trace in (*seeds, mean)} == {mean.line.color} != {other.line.color}
    assert [trace.showlegend for trace in figure.data] == [False, False, False, True, True]
    assert mean.name == "RE, mean of 2 seeds, 1 without a value yet" and "seed 2," in seeds[1].hovertemplate
    assert mean.x.tolist() == list(range(20, 161, 20)), "no mean where one of them has no value any more"
    assert np.allclose(mean.y, (seeds[0].y[:8] + seeds[1].y) / 2)


def test_settings_of_one_kind_are_told_apart_by_what_differs():
    taught = [replace(REKD, seed=seed, alpha=alpha) for alpha in (0.3, 0.5) for seed in (1, 2)]
    figure = compare([(f"r{n}", lines_of(c), c) for n, c in enumerate([*taught, replace(RE, seed=1)])])
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert shown == ["REKD, alpha 0.3, mean of 2 seeds", "REKD, alpha 0.5, mean of 2 seeds", "r4"]
    others = [
        replace(REKD, seed=seed, teacher=f"/far/{name}/checkpoint") for name in ("big", "small") for seed in (1, 2)
    ]
    figure = compare([(f"r{n}", lines_of(c), c) for n, c in enumerate(others)])
    assert [t.name for t in figure.data if t.showlegend][0] == "REKD, teacher big, mean of 2 seeds"


def test_what_is_no_like_for_like_is_said():
    runs = [
        ("a", lines_of(RE), RE),
        ("b", lines_of(CLS), CLS),
        ("c", lines_of(RE), replace(RE, rate=0.1, dev_limit=50)),
    ]
    said = compare(runs).layout.title.subtitle.text
    for part in ("top-k masks, whole input", "budgets differ: 10 %, 15 %", "dev examples differ: all, 50"):
        assert part in said
    assert not compare(runs, "task").layout.title.subtitle.text


def test_runs_of_several_tasks_are_not_compared():
    with pytest.raises(ValueError, match=r"several tasks \(digits, imdb\)"):
        compare([("a", [], RE), ("b", [], replace(RE, task="imdb"))])
    with pytest.raises(ValueError, match="what is 'total'; it must be one of 'dev_accuracy'"):
        compare([("a", [], RE)], "total")


def test_the_axis_may_count_examples():
    small = replace(RE, batch_size=8)
    figure = compare([("a", lines_of(RE), RE), ("b", lines_of(small), small)], x="examples")
    assert (figure.data[0].x[0], figure.data[1].x[0]) == (640, 160)
    assert figure.layout.xaxis.title.text == "training examples seen"
    assert figure.layout.uirevision != compare([], x="step").layout.uirevision


def test_a_run_without_a_value_is_named_and_no_run_at_all_is_quiet():
    figure = compare([("old", lines_of(RE), RE), ("new", [], replace(RE, alpha=0.5))])
    assert [trace.name for trace in figure.data if trace.showlegend] == ["old", "new, no value yet"]
    assert quiet(compare([])) and quiet(compare([("new", [], RE)]))


def test_the_ticks_of_gradient_norms_are_whole_numbers_and_not_digits_of_them():
    axis = charts.gradients(lines_of(RE), RE).layout.yaxis
    assert axis.type == "log" and {"0.1", "0.2", "0.5", "1", "2"} <= set(axis.ticktext)
    assert list(map(float, axis.ticktext)) == list(axis.tickvals)


def test_a_single_value_is_a_point_that_can_be_seen():
    figure = compare([("short", lines_of(RE, 3), RE), ("long", lines_of(RE), replace(RE, alpha=0.5))])
    short, long = figure.data
    assert len(short.x) == 1 and "markers" in short.mode and "markers" not in long.mode
    seeds = compare([(f"r{seed}", lines_of(RE, 3), replace(RE, seed=seed)) for seed in (1, 2)]).data
    assert ["markers" in trace.mode for trace in seeds] == [True] * 3, "their mean too"
    first, later = (charts.losses(lines_of(RE, count), RE).data[0] for count in (1, 3))
    assert first.mode == "lines+markers" and later.mode == "lines"
    assert charts.accuracy_and_rate(lines_of(RE, 1), RE).layout.yaxis.rangemode == "nonnegative", "none is below 0"
    signed = charts.losses([line | {"rate": -0.1} for line in lines_of(RE, 1)], RE)
    assert signed.layout.yaxis2.rangemode == "normal"


def test_a_name_is_shown_letter_by_letter_and_no_longer_than_fits():
    figure = compare([("<b>a</b> & <a href='x'>b</a>", lines_of(RE), RE)])
    assert figure.data[0].name == "&lt;b&gt;a&lt;/b&gt; &amp; &lt;a href='x'&gt;b&lt;/a&gt;"
    assert shortened("x" * 44) == "x" * 44
    assert len(cut := shortened("first" + "x" * 90 + "last")) == 44 and cut.startswith("first") and cut.endswith("last")


def test_thirty_settings_look_unlike_each_other():
    runs = [(f"r{n}", lines_of(RE), replace(RE, alpha=n / 30)) for n in range(30)]
    assert len({(trace.line.color, trace.line.dash) for trace in compare(runs).data}) == 30


def test_curves_of_the_scores_fit_a_phone_and_show_names_letter_by_letter():
    held = Curves((0.0, 0.5, 1.0), (0.9, 0.4, 0.1), (0.1, 0.8, 0.9), (0.9, 0.5, 0.1), (0.1, 0.5, 0.9))
    title = curve_chart({"RE": held}, "<b>judge</b>", "a<b").layout.title
    assert "“a&lt;b”" in title.text and "&lt;b&gt;judge&lt;/b&gt;" in title.subtitle.text
    assert all(len(line) <= 48 for line in title.subtitle.text.split("<br>"))
