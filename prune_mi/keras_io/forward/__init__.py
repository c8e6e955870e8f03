"""Forward passes of models, layers and graphs."""
