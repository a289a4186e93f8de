"""pulse_query_api package."""
