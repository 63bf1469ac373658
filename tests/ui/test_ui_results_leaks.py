"""What the page Results says in words: leaks row by row, the paper's differences beside ours, what carries REKD."""

from __future__ import annotations

import re
from dataclasses import replace

from results.made import made

from rekd.measures.verdict import stored
from rekd.results.comparisons import comparisons
from rekd.results.summary import aggregates
from rekd.ui.results_groups import grouped
from rekd.ui.results_leaks import counts, selecting, table
from rekd.ui.results_told import beside_the_paper, what_carries

TITLES = {"imdb": "<b>reviews", "cifar10": "pictures"}


def cells(results):
    """Row -> the text of each cell behind its name."""
    drawn = table(selecting(grouped(aggregates(results))), TITLES)
    assert "<b>" not in drawn
    lines = re.findall(r'<tr><th scope="row">.*?class="rk-name">([^<]*)</div>.*?</th>(.*?)</tr>', drawn)
    texts = {name: re.findall(r"<td[^>]*>(.*?)</td>", line) for name, line in lines}
    return {name: [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in held] for name, held in texts.items()}


def test_a_row_s_leak_measures_stand_beside_its_accuracy():
    found = cells([made(), made(seed=2027, honest=False), made("imdb-2-layers-cls")])
    assert list(found) == ["imdb-2-layers-re"], "a kind without masks leaks nothing"
    accuracy, count, places, swap, sampled = found["imdb-2-layers-re"]
    assert accuracy == "0.880 with the leaky 0.880 ± 0.000"
    assert count == "0.705 ± 0.276 ⚑ 1 of 2 , bound 0.550" and places == "0.760 ± 0.339 no bound known"
    assert swap == "+20.7 ± 28.7 ⚑ 1 of 2" and sampled == "+0.6 ± 0.0"


def test_the_bound_of_places_is_told_where_honest_masks_are_known():
    run = made("cifar10-64x3-re", rate=0.15)
    leaks = run.report["leaks"] | {"mask_reference": 0.2, "mask_only": 0.31}
    found = cells([replace(run, report=run.report | {"leaks": leaks})])
    assert found["cifar10-64x3-re"][2] == "0.310 ⚑ 1 of 1 , bound 0.300"


def test_the_run_that_gives_most_away_by_its_count_is_told_with_chance():
    reports = [stored(run.report) for run in (made(), made(honest=False), made("cifar10-64x3-re", rate=0.15))]
    assert "1 of 3 runs" in counts(reports) and "the most 90\N{NO-BREAK SPACE}%" in counts(reports)
    assert "where chance is 50\N{NO-BREAK SPACE}%" in counts(reports) and counts([]) == ""
    assert "places" not in counts(reports), "no honest masks are known"


def kinds(task, size, **accuracy):
    return [made(f"{task}-{size}-{kind}", seed, value) for kind, value in accuracy.items() for seed in (2026, 2027)]


def test_the_paper_s_differences_stand_beside_ours_and_another_sign_is_said():
    runs = kinds("imdb", "2-layers", cls=0.88, re=0.87, rekd=0.90)
    said = beside_the_paper(comparisons(aggregates(runs)), {"imdb": "reviews"})
    assert "REKD − RE is, in points, +3.0 on reviews (the paper's two models +2.5 to +2.9): of the same sign." in said
    runs += kinds("cifar10", "64x3", cls=0.70, rekd=0.71)
    said = beside_the_paper(comparisons(aggregates(runs)), TITLES)
    assert "+1.0 on pictures (the paper's two models −3.2 to −1.3): of another sign on pictures." in said
    assert beside_the_paper(comparisons(aggregates(kinds("digits", "48x2", cls=0.9, rekd=0.8))), {}) == ""


def test_what_a_part_of_the_loss_comes_to_alone_is_told_with_what_follows():
    def runs(name, *accuracies):
        return [made(f"imdb-2-layers-rekd{name}", 2026 + seed, value) for seed, value in enumerate(accuracies)]

    whole, rationales = runs("", 0.90, 0.90, 0.90), runs("-rationale-only", 0.901, 0.899, 0.90)
    predictions = runs("-prediction-only", 0.86, 0.861, 0.859)
    said = what_carries(comparisons(aggregates(whole + rationales + predictions)), TITLES)
    assert "0.0 [−0.2, +0.2] and −4.0 [" in said and "at REKD's learning rate" in said
    assert "points on <b>reviews, 2 layers x 384, so the rationales do all of REKD's gain" in said
    poor = runs("-rationale-only", 0.85, 0.851, 0.849)
    assert "−5.0 [" in (said := what_carries(comparisons(aggregates(whole + poor + predictions)), {}))
    assert "so the rationales" not in said and what_carries(comparisons(aggregates(whole + poor)), {}) == ""
