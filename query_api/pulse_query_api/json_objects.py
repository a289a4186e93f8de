"""JSON objects of projects and API keys, used by the admin routes and by commands with `--json`."""

from __future__ import annotations

from collections.abc import Callable

from pulse_storage.rows import ApiKey, Project
from pulse_storage.trace_json import rfc3339

#: Formats a Unix time in nanoseconds. The routes use microseconds, the commands seconds.
FormatTime = Callable[[int], str]


def project_object(project: Project, format_time: FormatTime = rfc3339) -> dict[str, object]:
    """Return the JSON object of a project."""
    return {"projectId": project.id, "name": project.name, "createdAt": format_time(project.created_ns)}


def key_object(key: ApiKey, format_time: FormatTime = rfc3339) -> dict[str, object]:
    """Return the JSON object of an API key, without the key itself."""

    def time_or_none(time_ns: int | None) -> str | None:
        return None if time_ns is None else format_time(time_ns)

    return {
        "keyId": key.id,
        "projectId": key.project_id,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "createdAt": format_time(key.created_ns),
        "lastUsedAt": time_or_none(key.last_used_ns),
        "expiresAt": time_or_none(key.expires_ns),
        "revokedAt": time_or_none(key.revoked_ns),
    }
