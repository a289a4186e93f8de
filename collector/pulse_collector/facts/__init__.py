"""Reads single facts (usage, messages, times, names) from attribute values, for dialects and mapping."""
