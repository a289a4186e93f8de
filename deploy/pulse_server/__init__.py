"""Where everything meets: the `pulse` command, its settings, and the processes that it runs."""
