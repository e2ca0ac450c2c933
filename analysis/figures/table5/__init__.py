"""Sudokus harder than those of training."""
