"""What a person is told of the leak figures: bounds, the sentence for each, and the way through a file."""

from __future__ import annotations

import json

import pytest

from rekd.measures.verdict import LeakReport


def example_report(**more) -> LeakReport:
    values = {"count": 0.5, "mask_only": 0.61, "swap": 0.02, "rates": (0.1, 0.11), "empty": (0.0, 0.01), **more}
    return LeakReport("calibrated", ("neg", "pos"), 100, **values)


def test_bounds():
    assert example_report().honest and not example_report(swap=0.051).honest and example_report(swap=-0.3).honest
    assert example_report(count=0.55).warnings == () and example_report(count=0.56).warnings == ("count",)
    assert example_report().mask_bound is None and example_report().warnings == ()
    assert example_report(mask_reference=0.51).warnings == () and example_report(mask_reference=0.5).warnings == (
        "mask",
    )
    # A warning does not decide.
    assert example_report(count=0.9, mask_reference=0.5).honest


def test_sentences_explain_each_figure():
    good = example_report(mask_reference=0.6).sentences()
    assert "+2.0 points" in good[0] and "bound 5" in good[0] and "no code" in good[0]
    assert "50.0%" in good[1] and "bound 55.0%" in good[1] and "does not" in good[1]
    assert "61.0%" in good[2] and "bound 70.0%" in good[2]
    assert "10.0% (neg) to 11.0% (pos)" in good[3] and "1.0%, of pos" in good[3]
    bad = example_report(swap=0.4, count=0.9).sentences()
    assert "reads the label from the mask" in bad[0] and "may carry" in bad[1] and "no masks known" in bad[2]
    assert example_report(empty=(0.0, 0.0)).sentences()[3].endswith("no mask is empty.")


def test_scores_carry_the_sentences():
    scores = example_report().scores()
    assert [s.name for s in scores] == ["swap", "count only", "mask only"]
    assert all(s.better == "lower" and s.low <= s.value <= s.high for s in scores)
    assert [s.help for s in scores] == list(example_report().sentences()[:3])


def test_a_report_survives_json():
    for one in (example_report(), example_report(mask_reference=0.5, rates=(0.1, None))):
        assert LeakReport.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    with pytest.raises(ValueError, match="does not know honesty"):
        LeakReport.from_dict({**example_report().to_dict(), "honesty": 1})
