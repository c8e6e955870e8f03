"""`python -m prune_mi`: the command line, where the console script is not on the path."""

from prune_mi.cli import main

main()
