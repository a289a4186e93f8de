"""Retention, erasure and compaction of the SQL stores."""
