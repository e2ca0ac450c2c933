"""Zebra puzzles: masked models by every rule, ARMs in three orders."""
