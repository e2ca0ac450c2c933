"""Figures of decoding: the cost of a sampler, Table 1, training for it, films of a sequence being decoded."""
