"""Criteria: ways to ask how little a unit would be missed, one a file."""
