"""What the commands do, a short story each."""
