"""Commands on zebra puzzles: ``lo-theory evaluate zebra``, ``lo-theory generate zebra``."""
