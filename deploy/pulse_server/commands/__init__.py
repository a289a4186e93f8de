"""The commands of `pulse`, a module each: `configure` gives one its options, and its `run` does it."""
