"""Removable units: found, priced, and taken out of a graph."""
