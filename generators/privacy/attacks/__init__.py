"""Attacks on what a model draws: who was learned from, and what follows of whom."""
