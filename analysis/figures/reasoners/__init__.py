"""What the order of decoding does for a reasoner of fixed depth."""
