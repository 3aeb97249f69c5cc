"""Knows distributions: learns columns, rows and foreign keys, and draws new ones."""
