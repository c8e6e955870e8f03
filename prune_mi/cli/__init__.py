"""The command line, a file a command: parse, call, turn a failure into its exit code. No logic."""

from prune_mi.cli.entry import app, main

__all__ = ["app", "main"]
