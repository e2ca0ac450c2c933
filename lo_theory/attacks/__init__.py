"""Inverting observations: exhaustive search, pooled Gauss, a SAT solver, and how their cost grows."""
