"""The methods beside the rationales: the cheapest first, stopped and gone on with, and what the table holds beyond."""

from __future__ import annotations

import pytest
from explore import opened, panels, picked, said, sound, tables, text_of

from rekd.ui import attributing

CHEAP_FIRST = "Lime,Occlusion,AttentionRollout,Saliency"


def heads(at) -> list[str]:
    return [text_of(panel).split()[0] for panel in panels(at)]


def buttons(at) -> list[str]:
    return [button.label for button in at.button]


def test_the_cheapest_method_comes_first():
    at = opened(methods=CHEAP_FIRST)
    assert heads(at) == ["AttentionRollout", "Saliency", "Occlusion", "Lime"]
    assert not {"Stop", "Go on"} & set(buttons(at)), "there is nothing left to stop"


def test_a_method_that_does_not_fit_says_why_and_the_others_stand():
    at = opened(methods="LayerGradCam,Saliency")
    first, second = (text_of(panel) for panel in panels(at))
    assert "does not fit" in first and "image" in first
    assert "marked" in second and len(tables(at)) == 1
    assert "LayerGradCam" not in text_of(tables(at)[0])


def test_on_images_every_method_is_offered_and_on_texts_all_but_one():
    image, text = (picked(opened(task=task, methods="-"), "w_methods").options for task in ("digits", "imdb"))
    assert set(image) - set(text) == {"LayerGradCam"}


def test_a_stop_keeps_what_was_computed_and_go_on_does_the_rest(monkeypatch):
    class Enough(Exception):
        """As Streamlit ends a run whose visitor asked for something else."""

    real, wanted = attributing.attribution, []

    def stops_at_lime(*asked, heard=None, only_known=False):
        if asked[2] == "Lime" and not only_known:
            wanted.append("Lime")
            raise Enough
        return real(*asked, heard=heard, only_known=only_known)

    at = opened(methods="Saliency")
    monkeypatch.setattr(attributing, "attribution", stops_at_lime)
    picked(at, "w_methods").set_value(["Saliency", "Lime"])
    at.run()
    assert wanted == ["Lime"] and "Stop" in buttons(at)
    next(button for button in at.button if button.label == "Stop").click()
    sound(at.run())
    assert wanted == ["Lime"], "a stopped method is not begun again"
    assert "not computed yet" in text_of(panels(at)[1]) and "Stopped." in said(at)
    monkeypatch.setattr(attributing, "attribution", real)
    next(button for button in at.button if button.label == "Go on").click()
    sound(at.run())
    assert heads(at) == ["Saliency", "Lime"] and "marked" in text_of(panels(at)[1])
    assert not {"Stop", "Go on"} & set(buttons(at))


def test_second_seeds_are_run_when_every_panel_stands_and_a_stop_keeps_the_first(monkeypatch):
    class Enough(Exception):
        """As Streamlit ends a run whose visitor asked for something else."""

    real, begun = attributing.second_seed, []

    def stops(*asked):
        begun.append(asked[2])
        raise Enough

    monkeypatch.setattr(attributing, "second_seed", stops)
    at = opened(task="digits", methods="Saliency")
    picked(at, "w_methods").set_value(["Lime", "GradientShap", "Saliency"])
    at.run()
    assert begun == ["GradientShap"], "the cheapest first"
    assert heads(at) == ["Saliency", "GradientShap", "Lime"] and len(tables(at)) == 1, "all stand by then"
    assert "the second seed runs now" in text_of(panels(at)[1])
    assert attributing.WAITS in text_of(panels(at)[2]) and "Stop" in buttons(at)
    next(button for button in at.button if button.label == "Stop").click()
    sound(at.run())
    assert begun == ["GradientShap"], "a stopped method is not begun again"
    assert all("marked" in text_of(panel) for panel in panels(at)), "what was computed stays"
    assert [attributing.WAITS in text_of(panel) for panel in panels(at)] == [False, True, True]
    monkeypatch.setattr(attributing, "second_seed", real)
    next(button for button in at.button if button.label == "Go on").click()
    sound(at.run())
    assert all("IoU of two seeds" in panel and attributing.WAITS not in text_of(panel) for panel in panels(at)[1:])
    assert "IoU of two seeds" not in panels(at)[0] and not {"Stop", "Go on"} & set(buttons(at))


def test_a_second_seed_that_fails_leaves_the_first_and_the_other_methods(monkeypatch):
    real = attributing.second_seed

    def fails(*asked):
        if asked[2] == "GradientShap":
            raise RuntimeError("no <b>room</b>")
        return real(*asked)

    monkeypatch.setattr(attributing, "second_seed", fails)
    at = opened(task="digits", methods="GradientShap,Lime")
    assert "GradientShap can't be run with a second seed" in said(at) and "<b>" not in said(at)
    first, second = map(text_of, panels(at))
    assert attributing.WAITS in first and "marked" in first and attributing.WAITS not in second


def test_a_stop_holds_for_its_input_alone():
    at = opened(task="digits", methods="Saliency")
    at.session_state["stopped"] = ("another", "input")
    picked(at, "w_methods").set_value(["Saliency", "Occlusion"])
    assert heads(sound(at.run())) == ["Saliency", "Occlusion"]


@pytest.mark.parametrize("name", ["negative", "positive"])
def test_the_class_that_is_chosen_is_explained(name):
    at = opened(methods="InputXGradient", target=name)
    assert f"What speaks for “{name}”" in said(at)
    assert f"probability of “{name}”" in said(at)


def test_the_two_classes_are_explained_apart():
    one, two = (panels(opened(methods="FeatureAblation", target=name, show="select")) for name in CLASSES)
    assert one != two


CLASSES = ("negative", "positive")


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_curves_and_infidelity_are_switches_that_the_address_keeps(task):
    at = opened(task=task, methods="Saliency")
    assert "AUC" not in tables(at)[0] and not at.get("plotly_chart")
    picked(at, "w_curves").set_value(True)
    picked(at, "w_infidelity").set_value(True)
    table = tables(sound(at.run()))[0]
    assert "deletion AUC" in table and "insertion AUC" in table and "infidelity" in table
    assert "random order" not in table, "the random control has a row of its own"
    assert len(at.get("plotly_chart")) == 1
    assert at.query_params["curves"] == "1" == at.query_params["infidelity"]


def test_max_sensitivity_is_measured_when_asked_and_its_time_is_told_first():
    at = opened(methods="InputXGradient")
    assert "max-sensitivity" not in tables(at)[0]
    assert "on this machine; any click stops it" in said(at)
    next(button for button in at.button if button.label == "Measure max-sensitivity").click()
    table = text_of(tables(sound(at.run()))[0])
    assert "max-sensitivity" in table and "Measure max-sensitivity" not in buttons(at)
    rows = tables(at)[0].split("<tr")
    measured = [row for row in rows if 'scope="row"' in row and "–" not in row.split("</td>")[-2]]
    assert len(measured) >= 4, "teacher, RE, REKD and the method"
