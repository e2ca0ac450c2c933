"""The exact posterior of parities of any width beside local observations, each conditioned through the other."""
