"""One transformer, its objectives, one training loop, and trained networks as denoisers."""
