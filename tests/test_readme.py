"""What README.md tells a person to type does what it says."""

from __future__ import annotations

import re
from pathlib import Path

from rekd.cli import _parser
from rekd.data import load_split

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_one_prediction_in_python_is_right(capsys):
    (snippet,) = [block for block in blocks("python") if "rekd.load" in block]
    exec(compile(snippet, "README.md", "exec"), {})
    predicted, selected = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"predicted: {load_split('digits', 'test').labels[0]} with \d+%", predicted)
    assert selected.startswith("selected: [(") and selected.count("(") >= 5, "places in pixels"


def test_every_command_of_the_command_line_is_one():
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m rekd ")]
    assert len(lines) > 8
    for line in lines:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)][3:]
        if "--help" not in words:
            assert _parser().parse_args(words).run
