"""The best order there is, exactly, and what the orders that are in use lose to it."""
