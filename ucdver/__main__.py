"""`python -m ucdver`, the same as the command `ucdver`."""

import sys

from ucdver.cli.app import main

sys.exit(main())
