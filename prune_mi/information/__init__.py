"""What layers say about the class."""
