"""The `pulse` command, the settings, and the server process with collector and query API."""

#: The version of the distribution `pulse-server`; pyproject.toml reads it from here.
__version__ = "0.1.0"
