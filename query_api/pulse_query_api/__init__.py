"""The query API: read recorded calls, sessions and analytics over HTTP, and administer projects."""

from pulse_query_api.app import create_app

__all__ = ["create_app"]
