"""`python -m rekd bench live`: how fast the page Train answers while a run trains, and what it takes when none does."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from rekd.bench.page import browser, free_port, machine, open_at, server, settled, until
from rekd.files import write_json

CLICKS, QUIET = 20, 60.0
"""Clicks that are measured, and seconds in which an idle app is watched."""
LOST = 5_000
"""Milliseconds after which a click counts as lost; it is told as having taken so long."""
ANSWER = """patience => {
  const film = () => document.querySelector('.rk-film')?.innerHTML, before = film();
  let since = Infinity;
  addEventListener('pointerdown', () => since = performance.now(), {once: true, capture: true});
  window.rkAnswer = new Promise(done => {
    const look = () => { if (film() && film() !== before && since < Infinity) end(performance.now() - since) };
    const watch = new MutationObserver(look), late = setTimeout(() => end(patience), 2 * patience);
    const end = took => { watch.disconnect(); clearTimeout(late); done(took) };
    watch.observe(document, {subtree: true, childList: true});
  });
}"""
"""Makes the page keep the milliseconds from the press of the mouse to another film."""
FILM = "document.querySelectorAll('.rk-film-card').length > 0"
AIMS = {"click": 0.3, "idle": 3.0}
"""Seconds from a click to what it changes; percent of a core."""


def bench_live(path: str | None, out: Path | None, say: Callable[[str], None] = print) -> int:
    """Measure, print the table, and write it as JSON where `out` is given."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        browser(path) as windows,
        server(Path(home), free_port(), REKD_RUNS=str(Path(home) / "runs")) as (address, process),
        closing(windows.new_page()) as page,
    ):
        measured = _measure(Path(home) / "runs", address, process, page)
    for line in lines(measured, machine()):
        say(line)
    if out is not None:
        write_json(out, {"measured": measured, "machine": machine()})
    return 0


def _measure(root: Path, address: str, process: psutil.Process, page) -> dict[str, list[float]]:
    from rekd.training.lineups import config_of
    from rekd.training.runs import read_run, stop
    from rekd.training.worker import Plan, launch

    config = replace(config_of("laptop", "re"), steps=100_000)  # it ends when we have seen enough
    launch([Plan(root / "watched", config)])
    try:
        open_at(page, f"{address}train?run=watched")
        until(page, FILM, 0.0)
        settled(page)
        out = {"click": _clicks(page), "training": [_share(process, QUIET / 3)]}
    finally:
        stop(read_run(root / "watched"))
    page.wait_for_selector(".rk-state-stopped")
    settled(page)
    return out | {"idle": [_share(process, QUIET)]}


def _clicks(page) -> list[float]:
    """Seconds from the press of the mouse on the film's switch to the film drawn anew."""
    taken = []
    for number in range(CLICKS):
        page.wait_for_timeout(300 + 170 * (number % 5))  # a person does not click in step with the page
        page.evaluate(ANSWER, LOST)
        page.locator('.st-key-m_show button[aria-checked="false"]').first.click()
        taken.append(page.evaluate("window.rkAnswer") / 1000)
    return taken


def _share(process: psutil.Process, seconds: float) -> float:
    """Percent of a core that the server itself takes, its runs not counted."""
    before, since = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / (time.perf_counter() - since)


def lines(measured: dict[str, list[float]], on: dict[str, Any]) -> list[str]:
    """The table as Markdown."""
    clicks = sorted(measured["click"])
    late = sum(each > AIMS["click"] for each in clicks)
    where = ", ".join(f"{name} {value}" for name, value in on.items())
    return [
        "| what | measured | at most |",
        "| --- | --- | --- |",
        f"| a click while a run trains: median (least to most) | {statistics.median(clicks):.2f} s "
        f"({clicks[0]:.2f} to {clicks[-1]:.2f}) | {AIMS['click']:g} s |",
        f"| of {len(clicks)} clicks, longer than that | {late} | |",
        f"| the server while a run is watched | {measured['training'][0]:.1f} % of a core | |",
        f"| the server when nothing trains, a tab open | {measured['idle'][0]:.1f} % of a core | {AIMS['idle']:g} % |",
        "",
        f"Measured on: {where}.",
    ]
