"""Everything that knows Streamlit or Plotly: pages call these rooms, nothing below imports them."""

from __future__ import annotations

import os

# Before torch is imported: its threads sleep while they wait for each other instead of spinning. The browser and other
# programs want the same cores; with both of two cores busy elsewhere a teacher of six layers took 1.2 s spinning and
# 0.2 s sleeping, though where they are idle a training step takes 1.6 times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
