"""Promotion: a run, or the median of runs that differ in their seed, published among the checkpoints with its card."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import streamlit as st

from rekd.ui import runs
from rekd.ui.components import plain

if TYPE_CHECKING:
    from rekd.training.runs import Run

ROLES = {"": "by its kind", "teacher": "teacher", "cls": "CLS", "re": "RE", "rekd": "REKD", "random": "random masks"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def promotion(run: Run) -> None:
    """The form of a promotion; it measures the model on the whole test split first."""
    from rekd.checkpoints import shipped

    st.markdown("Measures the model on the whole test split and puts it, with a model card, among the checkpoints.")
    name = st.text_input("Name", f"{run.config.task}-my-{run.config.kind}", key="p_name")
    role = st.selectbox("Role in Explore", list(ROLES), format_func=ROLES.get, key="p_role")
    sisters = _sisters(run)
    several = bool(sisters) and st.checkbox(
        f"With {len(sisters)} more of other seeds: the median is published, all are on the card", True, key="p_all"
    )
    note = st.text_input("A sentence for its card", key="p_note")
    pressed = st.button("Promote", type="primary", key="p_go")
    if fault := _fault(name, shipped() / name):
        st.caption(plain(fault))
        return
    if pressed:
        chosen = [run, *(sisters if several else [])]
        with st.spinner("It is measured on the test split …"):
            done = _promote(chosen, name, role, note)
        if done.returncode:
            st.error(plain(done.stderr.strip() or done.stdout.strip()), icon=":material/error:")
            return
        from rekd.ui import cache

        cache.shelf.clear()
        st.success(plain(done.stdout.strip()), icon=":material/workspace_premium:")


def _fault(name: str, target) -> str:
    if not _NAME.fullmatch(name):
        return "A name has letters, digits, dots, dashes and underscores, and begins with a letter or digit."
    if target.exists():
        return f"There is a checkpoint {name} already; choose another name."
    return ""


def _sisters(run: Run) -> list[Run]:
    """Finished runs with the same settings and another seed."""
    from rekd.ui.comparison import groups

    done = [other for other in runs.everything(run.folder.parent)[0] if other.status.state == "done"]
    others = [other for other in done if other.folder != run.folder and other.config.seed != run.config.seed]
    series = [("", (), each.config) for each in (run, *others)]
    same = next(group.members for group in groups(series) if 0 in group.members)
    return [others[number - 1] for number in same if number]


def _promote(chosen: list[Run], name: str, role: str, note: str) -> subprocess.CompletedProcess:
    """In a process of its own: its memory is given back, and it goes on when the page is closed."""
    from rekd.training.child import ROOT

    command = [sys.executable, "-m", "rekd", "promote", *(str(run.folder.absolute()) for run in chosen)]
    command += [f"--name={name}", *([f"--role={role}"] if role else []), *([f"--note={note}"] if note else [])]
    env = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", errors="replace")
