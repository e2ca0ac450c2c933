"""Random ensembles of constraints: thresholds, belief propagation, population dynamics, random slabs."""
