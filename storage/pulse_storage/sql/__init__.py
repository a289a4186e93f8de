"""What all SQL stores share: rows, sums and queries, in SQL that every engine understands."""
