"""The command line: ``lo-theory generate | dataset | train | evaluate | sample | reproduce | merge``."""
