"""`python -m rekd`."""

import os
import sys

# Before torch is imported: threads that wait for each other sleep instead of spinning, much faster on busy cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from rekd.cli import main

sys.exit(main())
