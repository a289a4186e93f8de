"""Stores that an earlier commit filled, as SQL text, and the answers that it gave."""
