"""The command line as ``python -m ner``."""

import sys

from ner.cli.dispatcher import main

if __name__ == "__main__":
    sys.exit(main())
