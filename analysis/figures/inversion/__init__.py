"""The cost of inverting observations."""
