"""The query API: what was recorded, read back over HTTP."""

from pulse_query_api.app import create_app

__all__ = ["create_app"]
