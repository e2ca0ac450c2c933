"""Scopes that are drawn given the latents: planted constraints and planted slabs."""
