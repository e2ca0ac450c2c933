"""What of the training makes Table 1's networks good."""
