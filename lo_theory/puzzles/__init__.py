"""Logic puzzles' answers that need no training: the exact posterior, and reasoners of bounded depth."""
