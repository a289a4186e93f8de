"""What each API's requests and answers say, as attributes of a span."""
