"""What the tests of the page Results share: the page, and what stands on it."""

from __future__ import annotations

import re
import shutil

from explore import APP, blocks, sound, text_of
from streamlit.testing.v1 import AppTest
from trained import made as trained

from rekd.files import write_json


def page(root, **address: str) -> AppTest:
    at = AppTest.from_file(APP, default_timeout=60)
    at.switch_page("pages/results.py")
    for name, value in address.items():
        at.query_params[name] = value
    return sound(at.run())


def rows(at) -> dict[str, str]:
    """What the table says of each row, by the row's name."""
    return lines(next(block for block in blocks(at) if "rk-results-group" in block))


def selections(at) -> list[str]:
    """The tables of what is selected, one a task."""
    return [block for block in blocks(at) if "rk-selected" in block]


def lines(table: str) -> dict[str, str]:
    found = {}
    for line in re.findall(r"<tr(?: class=\"rk-control\")?>(.*?)</tr>", table)[1:]:
        name = re.search(r'class="rk-name">([^<]*)</div>', line)
        found[name.group(1)] = " ".join(text_of(line.replace("<td", " <td").replace("<div", " <div")).split())
    return found


def forests(at) -> list[str]:
    return [" ".join(text_of(block).split()) for block in blocks(at) if "rk-forest-head" in block]


def charts(at) -> list[str]:
    return [chart.proto.spec for chart in at.get("plotly_chart")]


def looked_at(at) -> str:
    """The numbers of the run that was chosen."""
    return " ".join(text_of("".join(block for block in blocks(at) if "rk-facts" in block)).split())


def own(root, house, name="mine", report=None, state="done", **values):
    """An own run on digits with its weights."""
    folder = trained(root, name, state, **values)
    if state == "done":
        shutil.copytree(house / "digits-re", folder / "checkpoint")
    if report:
        write_json(folder / "evaluation.json", report)
    return folder
