"""Rows as pandas DataFrames, at the edge to notebooks alone: between stages rows are Arrow."""
