"""What the admin key may ask: projects, their keys and prices, retention and erasures."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import FLAG, MOMENT, TEXT, fields, items, list_of, ref


def admin_paths() -> Mapping[str, object]:
    """All of `/admin`."""
    return {**_project_paths(), **_key_paths(), **_price_paths(), **_retention_paths()}


def _project_paths() -> Mapping[str, object]:
    return path(
        "/admin/projects",
        get=operation("List projects", fields(projects=list_of("Project")), security="admin"),
        post=operation(
            "Make a project",
            fields(projectId=TEXT, apiKey=TEXT, name=TEXT),
            body=fields(name={**TEXT, "minLength": 1, "maxLength": 200}),
            status=201,
            security="admin",
            errors=(400,),
        ),
    )


def _key_paths() -> Mapping[str, object]:
    keys = "/admin/projects/{project_id}/keys"
    scopes = items({"enum": ["ingest", "read"]})
    return {
        **path(
            keys,
            get=operation(
                "List a project's keys", fields(keys=list_of("Key")), security="admin", errors=(404,)
            ),
            post=operation(
                "Make a key",
                {"allOf": [ref("Key"), fields(apiKey=TEXT)]},
                body={"type": "object", "properties": {"scopes": scopes, "expiresAt": MOMENT}},
                status=201,
                security="admin",
                errors=(400, 404),
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
            body=fields(prices=list_of("Price")),
            security="admin",
            errors=(400, 404, 413),
        ),
        delete=operation("Forget a project's own prices", None, status=204, security="admin", errors=(404,)),
    )


def _retention_paths() -> Mapping[str, object]:
    whom = {
        "type": "object",
        "properties": {"userId": TEXT, "sessionId": TEXT, "dryRun": FLAG},
        "oneOf": [{"required": ["userId"]}, {"required": ["sessionId"]}],
    }
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
                security="admin",
                errors=(400, 404),
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
                "Erase everything of a user or a session; 202 while the server is still at it",
                ref("Erasure"),
                body=whom,
                security="admin",
                errors=(400, 404),
            ),
        ),
    }
