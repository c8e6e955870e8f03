"""Where children are evaluated."""
