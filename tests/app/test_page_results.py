"""The page Results: with one run, many, missing seeds, leaky ones, own runs, and before there is any."""

from __future__ import annotations

import re
from pathlib import Path

from explore import blocks, opened, picked, said, sound, text_of
from results.made import made
from results_page import charts, forests, lines, looked_at, page, rows, selections

from rekd import checkpoints
from rekd.results.record import write_results
from rekd.ui import jumps, results_student

SHIPPED = Path(__file__).parents[2] / "checkpoints"


def test_before_there_are_results_the_page_says_how_to_make_them(root, file):
    at = page(root)
    assert "No run of the protocol is measured yet" in said(at) and "appear here when they have ended" in said(at)
    assert "results run headline" in at.code[0].value and f"results collect {root}/results" in at.code[0].value
    assert not at.get("plotly_chart") and not at.selectbox


def test_a_row_has_its_mean_its_seeds_its_rate_its_control_and_its_costs(root, many):
    held = rows(page(root))
    rekd = held["cifar10-64x3-rekd"]
    assert re.search(r"0\.65\d ± 0\.00\d", rekd) and "10 of 10" in rekd and "0 of 10" in rekd
    assert "15.0 % of 15 %" in rekd and re.search(r"0\.3[78]\d ± ", rekd), "realised rate and random control"
    assert "0.31 M" in rekd and "0.6 MB" in rekd and "4.2 ms" in rekd
    assert "7 of 10" in held["imdb-2-layers-kd"] and "reads all" in held["imdb-2-layers-kd"]


def test_a_leaky_run_is_in_no_mean_silently(root, file):
    honest = [made(seed=seed, accuracy=0.8) for seed in range(2026, 2030)]
    write_results(file, [*honest, made(seed=2030, accuracy=0.99, honest=False)])
    held = rows(page(root))["imdb-2-layers-re"]
    assert "0.800 ± 0.000" in held and "with the leaky 0.838" in held and "⚑ 1 of 5" in held


def test_the_papers_numbers_stand_beside_and_change_no_mean(root, many):
    held = rows(page(root))
    assert "ViT-Small 0.889 ViT-Tiny 0.797" in held["cifar10-64x3-re"] and "0.590" in held["cifar10-64x3-re"]
    assert "ViT-Base 0.964" in held["cifar10-teacher"], "teachers are shown with their students"
    assert not re.search("ViT|BERT", held["cifar10-64x3-kd"] + held["own-seed-1"])


def test_one_run_is_a_table_without_spreads_and_what_was_not_run_is_no_number(root, file):
    write_results(file, [made("cifar10-64x3-rekd", 2026, 0.7, 0.15)])
    at = page(root, task="cifar10")
    held = rows(at)
    assert "0.700" in held["cifar10-64x3-rekd"] and "±" not in held["cifar10-64x3-rekd"]
    assert "1 of 10" in held["cifar10-64x3-rekd"]
    assert "not run yet 10 seeds wanted ViT" in held["cifar10-64x3-re"], "no zero, and no number but theirs"
    assert "No two rows that are compared" in said(at) and len(charts(at)) == 2


def test_rates_that_were_tried_are_shown_with_the_student_they_were_tried_for(root, file):
    tried = [made("imdb-2-layers-rekd-lr-0.0008", seed, 0.9, report={}) for seed in (2024, 2025)]
    write_results(file, [made(), *tried])
    at = page(root)
    assert "REKD: best 0.8400 at 0.0008 (2 seeds)." in said(at) and "Dev accuracy by learning rate" in charts(at)[-1]
    write_results(file, [made()])
    assert "Learning rates that were tried" not in said(page(root)), "nothing where nothing was tried"


def test_filters_narrow_the_table_and_stand_in_the_address(root, many):
    at = page(root)
    picked(at, "r_task_box").select("cifar10")
    sound(at.run())
    picked(at, "r_kind_box").select("rekd")
    sound(at.run())
    picked(at, "r_part_box").select("ablations")
    sound(at.run())
    assert dict(at.query_params) == {"task": "cifar10", "kind": "rekd", "part": "ablations"}
    held = rows(at)
    assert "cifar10-64x3-rekd-leaky-teacher" in held and all(name.startswith("cifar10-64x3-rekd-") for name in held)
    again = page(root, **dict(at.query_params))
    assert rows(again) == held
    picked(again, "r_task_box").select("imdb")
    assert "size" not in dict(sound(again.run()).query_params) and "own-seed-1" not in rows(again)
    picked(again, "r_kind_box").select("re")
    assert "own-seed-1" in rows(sound(again.run())), "own runs stay beside whatever part is chosen"


def test_a_choice_that_leaves_no_row_leads_to_the_parts_that_have_some_and_leaves_what_is_below(root, many):
    at = page(root, task="imdb", kind="kd", part="ablations")
    assert "No row of this part is left" in said(at) and charts(at) and forests(at)
    at = page(root, task="cifar100", part="headline")
    assert "No row of this part is left" in said(at)
    assert [button.label for button in at.button] == ["Teachers", "Second sizes, and CIFAR-100"]
    picked(at, "r_part_sizes").click()
    assert at.run().query_params["part"] == "sizes" and "cifar100-64x3-rekd" in rows(sound(at))


def test_a_task_without_headline_pairs_opens_with_the_students_that_it_has(root, many):
    at = page(root, task="cifar100")
    assert picked(at, "r_part_box").value == "sizes" and "cifar100-64x3-rekd" in rows(at)
    picked(at, "r_task_box").select("imdb")
    assert picked(sound(at.run()), "r_part_box").value == "headline" and "part" not in dict(at.query_params)


def test_an_address_that_asks_for_what_is_not_there_is_told(root, many):
    at = page(root, task="mnist", kind="gru", colour="red")
    told = said(at).replace("\\", "")
    assert "mnist" in told and "gru" in told and "colour" in told and len(rows(at)) > 10
    at = page(root, run="nobody-s")
    told = said(at).replace("\\", "")
    assert "run “nobody-s”, which is none of imdb" in told and "run" not in dict(at.query_params)
    at = page(root, task="cifar10", student="imdb: 2 layers x 384")
    assert "student “imdb: 2 layers x 384”, which is none of cifar10" in said(at).replace("\\", "")


def test_a_run_s_address_alone_shows_the_charts_of_its_student(root, many):
    at = page(root, run="cifar10-64x3-re-seed-2027")
    assert "cifar10-64x3-re-seed-2027" in charts(at)[0] and "accuracy under top-k" in looked_at(at)
    assert "is used" not in said(at)


def test_your_runs_alone_are_compared_with_nothing(root, many):
    assert forests(page(root)) and not forests(page(root, part="yours"))


def test_one_without_runs_is_told_so_and_led_to_those_that_there_are(root, many):
    at = page(root, part="yours", task="cifar100")
    assert "No run of yours is among this choice. Parts of the protocol that have rows of it:" in said(at)
    assert [button.label for button in at.button if button.key.startswith("r_part_")]


def test_every_row_has_its_command(root, many):
    at = page(root)
    box = picked(at, "r_again")
    assert "own-seed-1" not in box.options and "cifar10-64x3-rekd" in box.options
    box.select("cifar10-64x3-rekd")
    assert sound(at.run()).code[0].value == "python -m rekd results run cifar10-64x3-rekd"


def test_differences_are_paired_and_the_claim_comes_first(root, many):
    kinds, against_random, rates, ablations = forests(page(root))
    first = kinds.split("n, p, p after Holm ")[1]
    assert first.startswith("REKD − RE IMDB film reviews · 2 layers x 384 · 1 leaky left out")
    assert "n 9" in first.split("REKD − RE")[1], "a leaky run is in no pair"
    assert re.search(
        r"REKD − RE CIFAR-10 · ViT 3 x 64 \+6\.\d \[\+\d\.\d, \+\d\.\d\] n 10, p \.002, Holm \.0\d\d", kinds
    )
    assert (
        "REKD − CLS from the teacher's predictions IMDB film reviews · 2 layers x 384 · 7 of 10 seeds so far" in kinds
    )
    assert "Random masks" in against_random and "rate 5" in rates
    assert "alpha 0" in ablations and "p ." not in ablations, "no p of five seeds"


def test_an_interval_that_reaches_zero_is_told_apart_from_one_that_does_not(root, file):
    seeds = range(2026, 2036)
    alike = [made(f"imdb-2-layers-{kind}", seed, 0.8 + seed % 3 / 100) for kind in ("cls",) for seed in seeds]
    shaky = [made("imdb-2-layers-rekd", seed, 0.8 + seed % 2 / 100) for seed in seeds]
    better = [made("imdb-2-layers-re", seed, 0.7) for seed in seeds]
    write_results(file, [*alike, *shaky, *better])
    at = page(root)
    (kinds,) = [block for block in blocks(at) if "rk-forest-head" in block]
    assert kinds.count("rk-forest-dot rk-forest-open") == 1 and kinds.count("rk-forest-dot") == 2
    assert "1 of 2" in said(at)


def test_a_run_of_the_chart_is_looked_at_and_says_where_its_weights_are_not(root, many):
    at = page(root, student="imdb: 2 layers x 384")
    assert "imdb-2-layers-re-seed-2029" in charts(at)[0] and "square-x-open" in charts(at)[0], "leaky runs are crossed"
    picked(at, "r_run_box").select("imdb-2-layers-re-seed-2029")
    sound(at.run())
    assert at.query_params["run"] == "imdb-2-layers-re-seed-2029" and "accuracy under top-k 0.8" in looked_at(at)
    assert "python -m rekd results run imdb-2-layers-re --seed 2029" in said(at)
    assert "python -m rekd results run imdb-2-layers-re --seed 2029" in [each.value for each in at.code]
    assert any("outside the bound" in block for block in blocks(at)), "what its masks give away"
    assert not [button for button in at.button if button.label == "Open in Explore"]


def test_a_run_whose_weights_are_here_opens_in_explore(root, house, file):
    info = next(each for each in checkpoints.available() if each.name == "imdb-rekd")
    write_results(file, [made("imdb-2-layers-rekd", 2026, hash=info.hash)])
    at = page(root)
    assert "the run that the address names" not in said(at)
    at = page(root, run="imdb-2-layers-rekd-seed-2026")
    assert "[To the run that the address names](#frontier)" in said(at)
    picked(at, "r_explore").click()
    sound(at.run())
    assert at.title[0].value == "What did each model read?"
    assert at.query_params["rekd"] == "imdb-rekd" and at.query_params["task"] == "imdb"


def test_a_measured_model_in_explore_leads_to_its_run(house, file):
    info = next(each for each in checkpoints.available() if each.name == "imdb-rekd")
    write_results(file, [made("imdb-2-layers-rekd", 2026, hash=info.hash)])

    def ways() -> list[str]:
        links = opened(task="imdb", methods="-").get("page_link")
        return [link.proto.query_string for link in links if link.proto.label == "Among all measured runs"]

    assert ways() == ["task=imdb&run=imdb-2-layers-rekd-seed-2026"], "of the one model alone that is among them"
    file.write_bytes(b"damaged")
    assert ways() == []


def test_a_click_on_a_point_chooses_its_run_and_one_beside_all_points_keeps_it(root, many, monkeypatch):
    asked, session = [], {}
    monkeypatch.setattr(results_student.st, "session_state", session)
    monkeypatch.setattr(results_student.state, "change", lambda **values: asked.append(values))
    for points in ([{"x": 0.1, "customdata": ["imdb-2-layers-re-seed-2029"]}], [], [{"x": 0.1, "y": 0.9}]):
        session[results_student.CHART] = {"selection": {"points": points}}
        results_student._picked()
    assert asked == [{"run": "imdb-2-layers-re-seed-2029"}], "a mean has no run, and neither has an empty place"


def test_a_run_that_was_clicked_is_said_to_be_open_once_and_a_chosen_one_is_in_sight(root, many):
    at = page(root, run="imdb-2-layers-re-seed-2029")
    assert not at.toast
    at.session_state[results_student.CLICKED] = True
    (toast,) = sound(at.run()).toast
    assert toast.value == "Open below the chart: RE, seed 2029, leaky"
    assert not sound(at.run()).toast


def test_another_rule_moves_the_points(root, many):
    at = page(root)
    picked(at, "r_rule_box").set_value("sampled")
    sound(at.run())
    assert at.query_params["rule"] == "sampled" and "realised rate, sampled: share of units" in charts(at)[0]


def test_leaky_shares_are_counted_by_kind_and_teacher(root, many):
    at = page(root)
    assert "neither yours nor those in the box" in said(at), "who is counted"
    assert re.search(r"[1-9]\d* of \d\d runs give the label away by their number of units under calibrated", said(at))
    (table,) = [text_of(block) for block in blocks(at) if "Share of leaky runs" in block]
    table = " ".join(table.split())
    assert "RE 1 of 3" in table and "REKD from leaky teachers 4 of 5 80 %" in table
    (rows,) = [text_of(block) for block in blocks(at) if "What masks give away, row by row" in block]
    assert "imdb-2-layers-re" in rows and "mask swap, points" in rows
    assert "Beside the paper's own: REKD − RE is, in points," in said(at)


def test_what_is_selected_has_a_table_a_task_of_the_rows_that_are_shown(root, many):
    at = page(root)
    texts, images = selections(at)
    assert set(lines(texts)) == {"imdb-teacher", "imdb-2-layers-re", "imdb-2-layers-rekd", "own-seed-1"}
    assert "of all 42.0" in lines(texts)["imdb-2-layers-re"] and "border" not in texts
    assert set(lines(images)) == {"cifar10-teacher", "cifar10-64x3-re", "cifar10-64x3-rekd"}
    assert "of all 44.0" in lines(images)["cifar10-64x3-re"] and "stop words" not in images
    assert "the outermost ring" in said(at) and "as scikit-learn lists them" in said(at), "every column has its help"
    assert len(selections(page(root, task="imdb", kind="re"))) == 1
    at = page(root, kind="cls")
    assert not selections(at) and "has masks of its own whose leaks were measured" in said(at), "nothing is selected"
    assert "whose leaks were measured" not in said(page(root))


def test_examples_that_only_rekd_gets_right_are_a_click_away(root, house, many, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: house)
    at = page(root, task="imdb")
    button = picked(at, "r_rescued_imdb")
    assert button.label.replace("\\", "") == "Show where RE is wrong and REKD right: imdb-re, imdb-rekd"
    assert "“A dozen film reviews”, where there may be none" in said(at).replace("\\", "")
    monkeypatch.setattr(jumps, "holds", lambda kind, label, seen: kind == "rescued" and {"re", "rekd"} <= set(seen))
    sound(button.click().run())
    assert at.title[0].value == "What did each model read?"
    assert at.query_params["re"] == "imdb-re" and at.query_params["rekd"] == "imdb-rekd"
    assert at.query_params["example"] == "1" and "Example 1: RE is wrong, REKD right" in said(at)


def test_without_both_models_or_their_data_there_is_nothing_to_look_through(root, house, many, monkeypatch):
    offers = "Show where RE is wrong"
    assert not [button for button in page(root).button if button.label.startswith(offers)], "these are not shipped"
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: house)
    monkeypatch.setattr("rekd.ui.results_sanity.cache.at_hand", lambda task: False)
    at = page(root)
    assert not [button for button in at.button if button.label.startswith(offers)]
    assert said(at).count("this task's data are not on this machine") == 1, "of imdb; cifar10 has no pair here"
