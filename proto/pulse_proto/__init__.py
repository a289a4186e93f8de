"""pulse_proto package."""
