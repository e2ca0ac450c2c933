"""Pretrained masked language models on the tasks of the paper's Table 4: infilling, instructions, running of code."""
