"""Decoding as score, reveal rule and token rule; the exact law of a sampler; how many tokens a step may reveal."""
