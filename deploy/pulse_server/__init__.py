"""pulse_server package."""
