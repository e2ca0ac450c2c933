"""How often masks meet the hard window, and what revealed latents leave of it."""
