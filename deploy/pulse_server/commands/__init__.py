"""The commands of `pulse`, one module each: `configure` adds the options, `run` runs the command."""
