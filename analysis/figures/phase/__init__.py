"""Loss of Bayes, belief propagation and networks against the degree."""
