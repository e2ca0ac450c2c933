"""How any experiment is run, kept, drawn and reported; knows no distribution and no network."""
