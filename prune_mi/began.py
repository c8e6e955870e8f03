"""When this process first asked for prune_mi: nothing of ours is imported before this file.

A command's clock begins here. The operating system's own record of a process's start is no better:
a shell that ends in the command hands its process over, with the start of the shell.
"""

import time

BEGAN = time.monotonic()
"""Seconds on `time.monotonic`."""
