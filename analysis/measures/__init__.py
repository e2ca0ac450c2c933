"""What is measured on trained models of L&O distributions, and the paper's numbers for it."""
