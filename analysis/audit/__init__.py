"""The audit: every claim of the theory, the experiment that tests it, and its verdict."""
