"""The `pulse` command, the settings, and the server process with collector and query API."""
