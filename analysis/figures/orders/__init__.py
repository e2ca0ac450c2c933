"""Every order has one likelihood; a network's orders do not."""
