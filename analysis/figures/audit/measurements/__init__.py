"""The audit's own small measurements."""
