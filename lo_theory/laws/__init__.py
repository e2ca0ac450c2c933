"""The exact law of a sampler: what parallel decoding costs, and how many tokens a step may reveal."""
