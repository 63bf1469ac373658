"""`python -m rekd`."""

import sys

from rekd.cli import main

sys.exit(main())
