"""How commands that take their time say how far they are."""

from __future__ import annotations

import os


def say(line: str) -> None:
    """Print a line at once: a pipe would keep it back until there is much to pass on.

    Of several processes that make one run, to each of which a launcher gives its rank, the first alone says it.
    """
    if os.environ.get("RANK", "0") == "0":
        print(line, flush=True)
