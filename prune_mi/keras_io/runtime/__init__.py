"""What a process is told before it opens or builds models: its backend, and whom it trusts."""
