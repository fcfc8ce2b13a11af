"""Which rows to look at when not all can be: random samples with known chances, and samples that only pass for them."""
