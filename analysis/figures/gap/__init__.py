"""The computational gap, as an area and as a free entropy."""
