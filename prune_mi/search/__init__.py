"""The hill climber, pure."""
