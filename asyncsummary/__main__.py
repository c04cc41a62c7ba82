"""python -m asyncsummary"""

import sys

from asyncsummary.cli import main

sys.exit(main())
