"""Quality of a model."""
