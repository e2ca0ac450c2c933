"""What it costs to learn a distribution as it grows."""
