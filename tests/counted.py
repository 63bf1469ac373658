"""`python -m counted N ...`: `python -m rekd ...` where it is one of N processes that train together; else it fails."""

from __future__ import annotations

import sys

from accelerate import Accelerator

from rekd.cli import main

if __name__ == "__main__":
    assert Accelerator(cpu=True).num_processes == int(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
