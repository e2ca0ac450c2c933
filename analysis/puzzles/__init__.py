"""What learners do on logic puzzles: how often they are right, and in which order they reason."""
