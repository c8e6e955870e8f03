"""The layer graph: plain data, no Keras."""
