"""The OpenAPI document of the HTTP API; a test compares it with the routes, parameters and fields."""

from __future__ import annotations

from importlib.metadata import version

from pulse_query_api.openapi.admin_paths import admin_paths
from pulse_query_api.openapi.facet_paths import facet_paths
from pulse_query_api.openapi.message_schemas import message_schemas
from pulse_query_api.openapi.paths import project_paths, public_paths
from pulse_query_api.openapi.schemas import schemas
from pulse_query_api.openapi.sign_in_paths import sign_in_paths
from pulse_query_api.openapi.tree_paths import tree_schemas


def openapi_document() -> dict[str, object]:
    """Return the OpenAPI 3.1 document of all routes: query API, admin routes and collector."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pulse query API",
            "version": version("pulse-server"),
            "description": "Query recorded calls of language models; ingest spans over OTLP. The routes that"
            " read a project are also served below /p/{project}, for web sessions instead of keys.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**public_paths(), **project_paths(), **facet_paths(), **sign_in_paths(), **admin_paths()},
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A project's API key."},
                "admin": {"type": "apiKey", "in": "header", "name": "X-Admin-Key"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "pulse_3000",
                    "description": "Set by POST /sign-in. The name has the port; over https: __Host-pulse.",
                },
            },
            "schemas": {**schemas(), **message_schemas(), **tree_schemas()},
        },
    }
