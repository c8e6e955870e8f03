"""Model files looked at as plain data: nothing of them is run, and no Keras is imported."""
