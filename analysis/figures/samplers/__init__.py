"""What parallel decoding costs, exactly."""
