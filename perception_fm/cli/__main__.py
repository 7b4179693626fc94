"""`python -m perception_fm.cli`."""

import sys

from perception_fm.cli import main

sys.exit(main())
