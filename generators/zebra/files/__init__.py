"""The forms in which people write zebra puzzles down as prose: what is listed, what the clues say."""
