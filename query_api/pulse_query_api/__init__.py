"""The query API: read recorded calls, sessions and analytics over HTTP, and administer projects."""
