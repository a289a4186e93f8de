"""Services: what an answer consists of, whatever the protocol and the store."""
