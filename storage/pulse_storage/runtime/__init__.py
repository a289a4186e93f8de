"""Threads, deadlines and files that stores share; contains no SQL."""
