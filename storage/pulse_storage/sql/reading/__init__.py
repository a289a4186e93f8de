"""What a SQL store answers: rows, pages, searches, counts and sums."""
