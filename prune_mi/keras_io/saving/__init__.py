"""Models written: compiled as the original was, loaded back and compared."""
