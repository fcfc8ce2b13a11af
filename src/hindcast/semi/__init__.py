"""Learning from rows without labels: self-training, propagation, co-training, consistency; and whether it helped."""
