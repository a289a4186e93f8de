"""pulse_collector package."""
