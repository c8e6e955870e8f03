"""What a model is for: a task knows its metrics, its chance and its loss."""
