"""What a person who waits is told: now and then, with the last values and the time that is left."""

from __future__ import annotations

from rekd.training.progress import EVERY, Teller


def told(moments, steps=600, begin=0, known=None):
    """The lines said where a step ends at each of these seconds."""
    said, now = [], [0.0]
    teller = Teller(steps, said.append, lambda: now[0])
    teller(begin, {})
    for step, moment in enumerate(moments, begin + 1):
        now[0] = moment
        teller(step, known or {})
    return said


def test_a_line_comes_every_few_seconds_whatever_a_step_takes():
    assert len(told([0.01 * n for n in range(1, 2001)], steps=9000)) == int(20 / EVERY)
    assert len(told([7.0, 14.0, 21.0])) == 3
    assert told([0.1, 0.2]) == []


def test_the_last_step_is_told_however_soon_and_where_nothing_was_done_nothing_is():
    assert told([0.1, 0.2], steps=2, known={"loss": 0.5}) == ["step 2 of 2, loss 0.500"]
    assert told([], steps=2, begin=2) == []


def test_a_line_says_step_values_and_what_is_left_of_the_time():
    known = {"loss": 1.23456, "best dev accuracy": 0.5}
    assert told([6.0], steps=11, known=known) == ["step 1 of 11, loss 1.235, best dev accuracy 0.500, about 60 s left"]
    assert told([6.0], steps=1201) == ["step 1 of 1,201, about 120 minutes left"]


def test_a_resumed_run_tells_the_pace_of_its_own_steps():
    assert told([5.0], steps=510, begin=500) == ["step 501 of 510, about 45 s left"]
