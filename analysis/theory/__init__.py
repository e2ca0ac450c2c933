"""Figures of the theory: floors, phases, gaps, windows, and what inverting costs."""
