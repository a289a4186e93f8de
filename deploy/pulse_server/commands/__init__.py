"""The commands of `pulse`, a module each: `add_parser` declares one, and its `run` does it."""
