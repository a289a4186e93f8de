"""Run the `pulse` command as `python -m pulse_server`."""

from __future__ import annotations

from pulse_server.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
