"""Reads of a SQL store: rows, pages, searches, counts and sums."""
