"""A model learnt on one task, used on another: frozen or tuned features, and whether that beats starting anew."""
