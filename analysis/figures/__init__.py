"""One room per name of ``lo-theory reproduce``."""
