"""What is done to a store while it is in use: retention, erasure, and what both need."""
