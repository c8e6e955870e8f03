"""The parts of the pipeline's story."""
