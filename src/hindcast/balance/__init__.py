"""Classes that are rare: rows, weights and losses that make a learner see them, and probabilities put right again."""
