"""The command line: ``lo-theory generate | train | evaluate | sample | reproduce | merge``."""
