"""One input and one output, whatever a model has of its own."""
