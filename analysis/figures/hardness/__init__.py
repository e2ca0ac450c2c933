"""The main figures, of trained networks: order accuracy, task error, likelihood gap, forward hash."""
