"""OpenAPI path of `/sign-in`, which `pulse_web` serves in the same application."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import DATE_TIME, TEXT, Schema, closed_object, fields, items, nullable

_CREDENTIALS: Schema = {
    "oneOf": [closed_object({name: TEXT}, required=(name,)) for name in ("token", "key", "admin_key")]
}


def sign_in_paths() -> Mapping[str, object]:
    """Return the path by which pages begin, show and end a web session."""
    project = fields(project_id=TEXT, name=TEXT, scopes=items({"enum": ["edit", "read"]}))
    return path(
        "/sign-in",
        post=operation(
            "Begin a web session, or add to it, with a link's token, a project's key or the admin key",
            None,
            body=_CREDENTIALS,
            status=204,
            errors=(400, 401, 403, 413, 421, 429, 503),
        ),
        get=operation(
            "Get the rights of the web session",
            fields(
                admin={"type": "boolean"},
                admin_until=nullable(DATE_TIME),
                projects=items(project),
                expires_at=DATE_TIME,
            ),
            security="session",
            errors=(421,),
        ),
        delete=operation("End the web session", None, status=204, errors=(403, 421, 503)),
    )
