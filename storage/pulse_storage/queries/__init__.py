"""Arguments and results of reads: one file for each kind of read."""
