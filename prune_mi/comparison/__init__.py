"""Models asked about the same images and compared."""
