"""The command line from a clone: ``python main.py`` does what the console script ``ner`` does."""

import sys

from ner.cli.dispatcher import main

if __name__ == "__main__":
    sys.exit(main())
