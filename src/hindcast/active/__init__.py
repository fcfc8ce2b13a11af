"""Which rows to have labelled next, and whether choosing them is worth more than drawing them at random."""
