"""More examples from those there are: changes after which the label still holds, and changes that test a model."""
