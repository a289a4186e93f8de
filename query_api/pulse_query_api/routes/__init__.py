"""Routes: parse, call a service, answer."""
