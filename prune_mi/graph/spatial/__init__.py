"""Other sizes of an image: the shapes behind it, and what has to be adapted."""
