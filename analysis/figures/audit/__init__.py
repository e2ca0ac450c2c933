"""Every claim with its experiment, number and verdict."""
