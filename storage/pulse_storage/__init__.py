"""pulse_storage package."""
