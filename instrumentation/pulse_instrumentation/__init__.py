"""pulse_instrumentation package."""
