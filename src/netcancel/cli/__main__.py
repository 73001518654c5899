"""`python -m netcancel.cli`: the same program where no script was installed."""

import sys

from netcancel.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
