"""Weak supervision: rules of thumb that vote, what their votes are worth, and labels with probabilities from them."""
