"""A sequence being decoded, as a film: picture, page, terminal."""
