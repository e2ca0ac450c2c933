"""Which tokens are keys of attention: all of them, or what is visible."""
