"""Why a run failed, as its page says it."""

from __future__ import annotations

import errno
import time

import psutil
import pytest

from rekd.data import DataMissing
from rekd.training.causes import STARTED, cause_of, cause_of_gone, tail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "Out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "larger accumulation"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "smaller batch"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "The disk is full"),
        (DataMissing("The data set imdb is not at hand.\nEither ..."), "imdb is not at hand. Either ..."),
        (ValueError("alpha is 3; it must be"), "alpha is 3; it must be"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_is_told_in_plain_words_on_one_line(error, said):
    cause = cause_of(error)
    assert said in cause and "\n" not in cause


def test_a_process_that_vanished_is_told_by_what_is_left_of_it(tmp_path):
    log, now = tmp_path / "log.txt", time.time()
    assert "restarted" in cause_of_gone(psutil.boot_time() - 5, 0.5, log)
    assert "killed from outside" in cause_of_gone(now, 0.5, log)
    assert "or begins anew where none was saved yet" in cause_of_gone(now, 0.5, log)
    assert "want of memory: 2% was free" in cause_of_gone(now, 0.02, log)
    log.write_text("Traceback\nnumpy._core._exceptions._ArrayMemoryError: Unable to allocate\n")
    assert "its log says so" in cause_of_gone(now, 0.5, log)


def test_what_an_earlier_process_of_the_run_said_is_not_taken_for_the_last_ones_words(tmp_path):
    log, now = tmp_path / "log.txt", time.time()
    log.write_text(f"{STARTED} one\nCUDA out of memory\n{STARTED} two\n")
    assert "without a word in its log" in cause_of_gone(now, 0.5, log)
    log.write_text(f"{STARTED} one\nTraceback (most recent call last):\n  line\nImportError: no torch\n")
    assert cause_of_gone(0.0, 1.0, log).endswith("the last line of its log: ImportError: no torch")


def test_the_tail_of_a_log_is_its_last_lines_without_what_was_written_over(tmp_path):
    log = tmp_path / "log.txt"
    assert tail(log) == []
    log.write_bytes(b"old\n" * 50_000 + "10 %\r50 %\rdone é\r\n\nlast".encode() + b"\xff")
    assert tail(log, 3) == ["old", "done é", "last\ufffd"]
    assert len(tail(log)) == 40
