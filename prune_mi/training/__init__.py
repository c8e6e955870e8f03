"""Training a graph."""
