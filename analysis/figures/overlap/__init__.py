"""Belief propagation on planted instances, from two starts."""
