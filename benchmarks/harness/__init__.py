"""What the benchmarks of all rooms share: jobs and their peers, one run in a process, data, checks, environments."""
