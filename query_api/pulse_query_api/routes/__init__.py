"""Routes: parse and check a request, call a service, build the response."""
