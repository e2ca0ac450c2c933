"""Belief propagation on planted instances, as several figures need it."""
