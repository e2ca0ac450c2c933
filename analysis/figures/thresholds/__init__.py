"""Where inference becomes possible and where easy, by population dynamics."""
