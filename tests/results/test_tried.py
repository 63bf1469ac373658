"""What was tried before learning rates were set: whose runs they are, which was best, and whether that was an end."""

from __future__ import annotations

from results.made import made

from rekd.results.summary import aggregates
from rekd.results.tried import Read, at_the_end, best, by_kind, trials

SWAPS = (("0.0001", 0.05), ("0.0002", 0.06), ("0.0004", 0.4))
"""Learning rates, and how often a mask from elsewhere made the predictor say its class."""


def tried(read):
    """Trials from the dev accuracies of each row, a seed each."""
    runs = [
        made(f"imdb-2-layers-{row}", seed, curve=((50, 0.5, None), (100, dev, None)), best_step=100, report={})
        for row, devs in read.items()
        for seed, dev in zip((2024, 2025), devs, strict=False)
    ]
    return trials(aggregates(runs))


def test_trials_are_the_runs_of_rates_that_were_tried_with_every_seed():
    (found,) = tried({"re-lr-0.0004": (0.8, 0.9)})
    assert (found.kind, found.rate, found.runs) == ("re", 0.0004, (Read(2024, 0.8, False), Read(2025, 0.9, False)))
    assert found.dev.n == 2 and round(found.dev.mean, 6) == 0.85
    assert not tried({"re": (0.8,), "rekd-alpha-0": (0.9,)}), "neither what they were tried for nor an ablation"


def test_the_rate_of_the_kind_s_own_row_is_told_whether_that_was_run_or_not():
    found = tried({"re-lr-0.0002": (0.8,), "re-lr-0.0004": (0.8,), "rekd-lr-0.0002": (0.8,), "rekd-lr-0.0008": (0.8,)})
    assert [(trial.kind, trial.rate) for trial in found if trial.taken] == [("re", 0.0002), ("rekd", 0.0008)]


def test_a_leaky_run_is_counted_and_in_no_mean():
    runs = [
        made(f"imdb-2-layers-re-lr-{rate}", 2024, 0.8, report={}, habits={"dev_swap": swap}) for rate, swap in SWAPS
    ]
    runs.append(made("imdb-2-layers-re-lr-0.0002", 2025, 0.7, report={}, habits={"dev_swap": 0.02}))
    held = by_kind(trials(aggregates(runs)))["re"]
    assert [(trial.leaky, trial.dev.n) for trial in held] == [(0, 1), (1, 1), (1, 0)]
    assert best(held).rate == 0.0001 and best(held[2:]) is None and not at_the_end(held[2:])


def test_the_best_is_that_of_the_mean_and_an_end_is_noticed():
    within = {"re-lr-0.0001": (0.8, 0.8), "re-lr-0.0002": (0.99, 0.7), "re-lr-0.0004": (0.84, 0.84)}
    held = by_kind(tried(within | {"re-lr-0.0008": (0.7, 0.7), "rekd-lr-0.0001": (0.8,), "rekd-lr-0.0002": (0.9,)}))
    assert best(held["re"]).rate == 0.0002 and not at_the_end(held["re"])
    assert best(held["rekd"]).rate == 0.0002 and at_the_end(held["rekd"])
    equal = by_kind(tried({"re-lr-0.0001": (0.8,), "re-lr-0.0002": (0.8,)}))
    assert best(equal["re"]).rate == 0.0001
