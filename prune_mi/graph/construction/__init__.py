"""Whole networks made anew, or of others."""
