"""`python -m gptsovits_ros.cli` is the same as the command `gptsovits_ros`."""

import sys

from gptsovits_ros.cli import main

sys.exit(main())
