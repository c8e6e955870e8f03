"""Before a run: model and data opened, studied, measured; who sees which images."""
