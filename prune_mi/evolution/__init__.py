"""The generational loop, and what it proposes, trains and keeps."""
