"""What the command line does: one frozen dataclass per command, its fields the options, its ``run`` the work."""
