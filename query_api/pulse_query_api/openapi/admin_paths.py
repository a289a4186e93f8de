"""OpenAPI paths of the admin routes: projects, API keys, prices, retention and erasures."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import (
    COUNT,
    DATE_OR_DATE_TIME,
    FLAG,
    ID,
    TEXT,
    Schema,
    closed_object,
    fields,
    list_of,
    nullable,
    ref,
)
from pulse_storage.rows import PROJECT_NAME

_PROJECT_NAME: Schema = {"type": "string", "pattern": f"^{PROJECT_NAME.pattern}$"}
_NULL: Schema = {"type": "null"}


def admin_paths() -> Mapping[str, object]:
    """Return all paths under `/admin`."""
    return {**_project_paths(), **_key_paths(), **_price_paths(), **_retention_paths()}


def _project_paths() -> Mapping[str, object]:
    named = closed_object({"name": _PROJECT_NAME}, required=("name",))
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
                "Delete a project with all its data; 202 if the server has to continue the deletion",
                ref("Erasure"),
                body=named,
                second_status=202,
                security="admin",
                errors=(400, 404, 409, 413),
            ),
        ),
    }


def _key_paths() -> Mapping[str, object]:
    keys = "/admin/projects/{project_id}/keys"
    scopes = {
        "type": "array",
        "items": {"enum": ["ingest", "read", "edit"]},
        "minItems": 1,
        "uniqueItems": True,
    }
    return {
        **path(
            keys,
            get=operation(
                "List a project's API keys", fields(keys=list_of("Key")), security="admin", errors=(404,)
            ),
            post=operation(
                "Create an API key; without a body it has the scopes ingest and read and never expires",
                {"allOf": [ref("Key"), fields(apiKey=TEXT)]},
                body=closed_object({"scopes": nullable(scopes), "expiresAt": nullable(DATE_OR_DATE_TIME)}),
                body_required=False,
                status=201,
                security="admin",
                errors=(400, 404, 409, 413),
            ),
        ),
        **path(
            f"{keys}/{{key_id}}",
            delete=operation("Revoke an API key", None, status=204, security="admin", errors=(404,)),
        ),
    }


def _price_paths() -> Mapping[str, object]:
    return path(
        "/admin/projects/{project_id}/prices",
        get=operation("Get a project's own prices", ref("Prices"), security="admin", errors=(404,)),
        put=operation(
            "Set a project's own prices",
            ref("Prices"),
            body=closed_object({"prices": list_of("Price")}, required=("prices",)),
            body_types=("application/json", "application/toml"),
            security="admin",
            errors=(400, 404, 409, 413),
        ),
        delete=operation("Delete a project's own prices", None, status=204, security="admin", errors=(404,)),
    )


def _retention_paths() -> Mapping[str, object]:
    subjects = ("userId", "sessionId")
    subject = closed_object({**{name: nullable(ID) for name in subjects}, "dryRun": FLAG})
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
                "Get a project's retention policy", ref("Retention"), security="admin", errors=(404,)
            ),
            put=operation(
                "Set a project's own retention policy",
                ref("Retention"),
                body=ref("RetentionPolicy"),
                body_required=False,
                security="admin",
                errors=(400, 404, 413),
            ),
            delete=operation(
                "Delete a project's own retention policy; the server's settings apply again",
                None,
                status=204,
                security="admin",
                errors=(404,),
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
                "Erase all data of a user or a session; 202 if the server has to continue the erasure",
                {"anyOf": [ref("Erasure"), fields(dryRun={"const": True}, rows=COUNT, calls=COUNT)]},
                body={**subject, "oneOf": one_of},
                second_status=202,
                security="admin",
                errors=(400, 404, 413),
            ),
        ),
    }
