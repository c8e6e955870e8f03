"""Models as graphs, and graphs as models again."""
