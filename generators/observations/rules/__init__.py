"""Logic rules as observations: their syntax, their tree, the function, and random ones."""
