"""What each channel of a network adds, for all width groups at once."""
