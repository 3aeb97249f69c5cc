"""Moves a production database through a learned model into test databases, and proves it."""
