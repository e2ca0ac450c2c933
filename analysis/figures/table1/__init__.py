"""The paper's Table 1, taken apart."""
