"""Figures of trained networks: where they err, what a token order costs, what they generate."""
