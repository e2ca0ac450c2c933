"""Sudoku: masked models by every rule, ARMs in three orders."""
