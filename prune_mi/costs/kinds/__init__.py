"""The costs there are, a file each."""
