"""After the search: final training, measuring, writing."""
