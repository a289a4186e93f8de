"""The routes of the admin key: projects, their keys and prices, retention and erasures."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import (
    COUNT,
    FLAG,
    ID,
    INSTANT,
    TEXT,
    Schema,
    closed,
    fields,
    list_of,
    nullable,
    ref,
)
from pulse_storage.rows import PROJECT_NAME

_PROJECT_NAME: Schema = {"type": "string", "pattern": f"^{PROJECT_NAME.pattern}$"}
_NULL: Schema = {"type": "null"}


def admin_paths() -> Mapping[str, object]:
    """All of `/admin`."""
    return {**_project_paths(), **_key_paths(), **_price_paths(), **_retention_paths()}


def _project_paths() -> Mapping[str, object]:
    named = closed({"name": _PROJECT_NAME}, required=("name",))
    return {
        **path(
            "/admin/projects",
            get=operation("List projects", fields(projects=list_of("Project")), security="admin"),
            post=operation(
                "Create a project with its first key",
                fields(projectId=TEXT, apiKey=TEXT, name=TEXT),
                body=named,
                status=201,
                security="admin",
                errors=(400, 409, 413),
            ),
        ),
        **path(
            "/admin/projects/{project_id}",
            patch=operation(
                "Rename a project", ref("Project"), body=named, security="admin", errors=(400, 404, 409, 413)
            ),
            delete=operation(
                "Delete a project with all its data; 202 while data remains, which the server deletes",
                ref("Erasure"),
                body=named,
                also=202,
                security="admin",
                errors=(400, 404, 409, 413),
            ),
        ),
    }


def _key_paths() -> Mapping[str, object]:
    keys = "/admin/projects/{project_id}/keys"
    scopes = {"type": "array", "items": {"enum": ["ingest", "read"]}, "minItems": 1, "uniqueItems": True}
    return {
        **path(
            keys,
            get=operation(
                "List a project's keys", fields(keys=list_of("Key")), security="admin", errors=(404,)
            ),
            post=operation(
                "Create a key; without a body it has every scope and does not expire",
                {"allOf": [ref("Key"), fields(apiKey=TEXT)]},
                body=closed({"scopes": nullable(scopes), "expiresAt": nullable(INSTANT)}),
                body_required=False,
                status=201,
                security="admin",
                errors=(400, 404, 413),
            ),
        ),
        **path(
            f"{keys}/{{key_id}}",
            delete=operation("Revoke a key", None, status=204, security="admin", errors=(404,)),
        ),
    }


def _price_paths() -> Mapping[str, object]:
    return path(
        "/admin/projects/{project_id}/prices",
        get=operation("A project's own prices", ref("Prices"), security="admin", errors=(404,)),
        put=operation(
            "Set a project's own prices",
            ref("Prices"),
            body=closed({"prices": list_of("Price")}, required=("prices",)),
            body_types=("application/json", "application/toml"),
            security="admin",
            errors=(400, 404, 413),
        ),
        delete=operation("Forget a project's own prices", None, status=204, security="admin", errors=(404,)),
    )


def _retention_paths() -> Mapping[str, object]:
    subjects = ("userId", "sessionId")
    subject = closed({**{name: nullable(ID) for name in subjects}, "dryRun": FLAG})
    one_of = [
        {
            "required": [name],
            "properties": {name: ID, **{other: _NULL for other in subjects if other != name}},
        }
        for name in subjects
    ]
    return {
        **path(
            "/admin/projects/{project_id}/retention",
            get=operation(
                "What is kept of a project, and how long", ref("Retention"), security="admin", errors=(404,)
            ),
            put=operation(
                "Give a project a retention policy of its own",
                ref("Retention"),
                body=ref("RetentionPolicy"),
                body_required=False,
                security="admin",
                errors=(400, 404, 413),
            ),
            delete=operation(
                "Leave retention to the settings", None, status=204, security="admin", errors=(404,)
            ),
        ),
        **path(
            "/admin/projects/{project_id}/erase",
            get=operation(
                "List a project's erasures",
                fields(erasures=list_of("Erasure")),
                security="admin",
                errors=(404,),
            ),
            post=operation(
                "Erase all data of a user or a session; 202 while data remains, which the server erases",
                {"anyOf": [ref("Erasure"), fields(dryRun={"const": True}, rows=COUNT, calls=COUNT)]},
                body={**subject, "oneOf": one_of},
                also=202,
                security="admin",
                errors=(400, 404, 413),
            ),
        ),
    }
