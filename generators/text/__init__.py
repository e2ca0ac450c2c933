"""Text: corpora in windows of random access, and chains with text's statistics whose truth is known."""
