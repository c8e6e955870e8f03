"""Model files opened: refused, opened by Keras 3 alone, or rebuilt from what Keras 2 says."""
