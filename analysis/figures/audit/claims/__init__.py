"""The claims, by where they are made."""
