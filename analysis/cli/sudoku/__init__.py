"""Commands on Sudokus: ``lo-theory evaluate sudoku``, ``lo-theory sample sudoku``."""
