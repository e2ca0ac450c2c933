"""The exact posterior by eliminating latents: reduction, order, bucket tree, joint queries, compiled rows."""
