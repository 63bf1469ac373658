"""The house keeps its order: imports point down, the library never sees the screen, and it runs on every system."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# Rooms from the ground up. A room may import what lies below it and itself, never a sibling on its own floor.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "checks", "cores"),
    ("types", "config", "files", "imports", "pictures", "zips"),
    ("cached", "units", "masks"),
    ("models", "losses", "data"),
    ("checkpoints",),
    ("measures",),
    ("explanations", "training"),
    ("results",),
    ("ui", "bench"),
    ("cli", "pages"),
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
# One room in two files: `python -m rekd` is the command line.
SAME_ROOM = {"__main__": "cli", "app": "pages"}
SCREEN = {"streamlit", "plotly"}
# Imported when first used, so that the app starts fast and training needs none of them.
LAZY = {"captum", "datasets", "sklearn"}
# Not on Windows, or not on macOS.
ONE_SYSTEM = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "msvcrt", "winreg"}
ONE_SYSTEM_CALLS = {"killpg", "getpgid", "setsid", "fork", "sched_getaffinity"}


class Import(NamedTuple):
    line: int
    module: str
    names: tuple[str, ...]
    lazy: bool


def sources() -> list[Path]:
    """Every Python file that a user runs; tests have no floor."""
    return sorted([*ROOT.glob("app.py"), *(ROOT / "pages").glob("*.py"), *(ROOT / "rekd").rglob("*.py")])


def name_of(path: Path) -> str:
    """rekd/models/text.py -> rekd.models.text"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, module: str, package: bool, lazy: bool = False) -> Iterator[Import]:
    """Every import below `tree`, those inside functions marked lazy, relative ones made absolute."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, (), lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".")
            home = home[: len(home) - node.level + package] if node.level else []
            whole = ".".join([*home, *(node.module or "").split(".")]).strip(".")
            yield Import(node.lineno, whole, tuple(alias.name for alias in node.names), lazy)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                Import(node.lineno, arg.value, (), True) for arg in node.args[:1] if isinstance(arg, ast.Constant)
            )
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, module, package, inside)


def imports_of(path: Path) -> list[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(imports(tree, name_of(path), path.name == "__init__.py"))


def room_of(module: str) -> str:
    """rekd.models.text -> models; app and pages.train -> pages; rekd itself -> rekd."""
    parts = module.split(".")
    room = parts[1] if parts[0] == "rekd" and len(parts) > 1 else parts[0]
    return SAME_ROOM.get(room, room)


def targets(found: Import) -> Iterator[str]:
    """The project's rooms that an import reaches; `from rekd import masks` reaches masks."""
    first = found.module.split(".")[0]
    if first in ("app", "pages"):
        yield "pages"
    elif found.module == "rekd":
        yield from (room_of(f"rekd.{name}") if name in FLOOR else "rekd" for name in found.names or ("",))
    elif first == "rekd":
        yield room_of(found.module)


def fault(room: str, target: str) -> str:
    """Why `room` may not import `target`; empty where it may."""
    if target == "rekd":
        # The package's front door imports from many floors: behind it, each room is asked for by its own name.
        return "" if room == "pages" else "imports the package's front door; import the module that holds the name"
    if target not in FLOOR:
        return f"imports {target}, which has no floor in FLOORS"
    if room == "rekd":
        return f"the front door must not load {target}" if FLOOR[target] >= FLOOR["ui"] else ""
    if room == target or FLOOR[target] < FLOOR[room]:
        return ""
    return f"{room} may import only what lies below it, and {target} does not"


def test_every_file_stands_in_a_room():
    homeless = [str(path.relative_to(ROOT)) for path in sources() if room_of(name_of(path)) not in {*FLOOR, "rekd"}]
    assert not homeless, f"{homeless} stand in no room of FLOORS; the layout knows {sorted(FLOOR)}"


def test_imports_point_down():
    faults = []
    for path in sources():
        for found in imports_of(path):
            for target in targets(found):
                if why := fault(room_of(name_of(path)), target):
                    faults.append(f"{path.relative_to(ROOT)}:{found.line} imports {found.module}: {why}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("room", "target", "allowed"),
    [
        ("pages", "ui", True),
        ("ui", "explanations", True),
        ("training", "explanations", False),
        ("ui", "cli", False),
        ("models", "data", False),
        ("measures", "checkpoints", True),
        ("checkpoints", "measures", False),
        ("units", "masks", False),
        ("config", "types", False),
        ("models", "models", True),
        ("masks", "rekd", False),
        ("rekd", "ui", False),
    ],
)
def test_the_arrows_of_the_design(room, target, allowed):
    assert (fault(room, target) == "") is allowed


def test_the_reader_of_imports_misses_none():
    code = (
        "from . import masks\nfrom ..ui import frame\nimport rekd.losses\nfrom rekd import units, Batch\n"
        "def f():\n    from rekd.training import loop\n    import captum\n"
        "import importlib\nx = importlib.import_module('rekd.cli')\n"
    )
    found = list(imports(ast.parse(code), "rekd.models.text", package=False))
    assert [t for i in found for t in targets(i)] == ["models", "ui", "losses", "units", "rekd", "training", "cli"]
    assert [i.module for i in found if i.lazy] == ["rekd.training", "captum", "rekd.cli"]


def test_only_the_screen_imports_streamlit_and_plotly():
    faults = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for path in sources()
        if room_of(name_of(path)) not in ("ui", "pages")
        for found in imports_of(path)
        if found.module.split(".")[0] in SCREEN
    ]
    assert not faults, "\n".join(faults)


def test_slow_packages_are_imported_when_first_used():
    faults = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module} at the top"
        for path in sources()
        for found in imports_of(path)
        if found.module.split(".")[0] in LAZY and not found.lazy
    ]
    assert not faults, "\n".join(faults)


def test_nothing_works_on_one_system_only():
    faults = []
    for path in sources():
        where = path.relative_to(ROOT)
        for found in imports_of(path):
            if found.module.split(".")[0] in ONE_SYSTEM and not found.lazy:
                faults.append(f"{where}:{found.line} imports {found.module} at the top")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ONE_SYSTEM_CALLS:
                faults.append(f"{where}:{node.lineno} uses {node.attr}; psutil does that on every system")
    assert not faults, "\n".join(faults)


BLOCKED = """
import importlib, pkgutil, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"captum", "streamlit", "datasets", "plotly"}:
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Block())
import rekd.training
for module in pkgutil.walk_packages(rekd.training.__path__, "rekd.training."):
    importlib.import_module(module.name)
from rekd.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_training_needs_no_captum_streamlit_or_datasets(tmp_path):
    """A real run, two steps long, on built-in data, from the command line and in a process of its own."""
    run, tiny = tmp_path / "run", '{"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}'
    arguments = ["train", "--task", "digits", "--kind", "re", "--steps", "2", "--batch-size", "4", "--dev-limit", "16"]
    arguments += ["--backbone-args", tiny, "--log-every", "1", "--cpu", "--out", str(run)]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert (run / "metrics.jsonl").read_text(encoding="utf-8").strip(), "the run logged nothing"
