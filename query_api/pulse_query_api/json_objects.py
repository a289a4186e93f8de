"""JSON objects of projects, keys and retention, used by the admin routes and by commands with `--json`."""

from __future__ import annotations

from collections.abc import Callable

from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import ApiKey, Project
from pulse_storage.trace_json import rfc3339

#: Formats a Unix time in nanoseconds. The routes use microseconds, the commands seconds.
FormatTime = Callable[[int], str]


def project_object(project: Project, format_time: FormatTime = rfc3339) -> dict[str, object]:
    """Return the JSON object of a project."""
    return {"projectId": project.id, "name": project.name, "createdAt": format_time(project.created_ns)}


def key_object(key: ApiKey, format_time: FormatTime = rfc3339) -> dict[str, object]:
    """Return the JSON object of an API key, without the key itself."""
    return {
        "keyId": key.id,
        "projectId": key.project_id,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "createdAt": format_time(key.created_ns),
        "lastUsedAt": _time_or_none(key.last_used_ns, format_time),
        "expiresAt": _time_or_none(key.expires_ns, format_time),
        "revokedAt": _time_or_none(key.revoked_ns, format_time),
    }


def retention_object(
    project_id: str,
    policy: RetentionPolicy,
    *,
    is_own: bool,
    content_from_ns: int | None,
    rows_from_ns: int | None,
    format_time: FormatTime = rfc3339,
) -> dict[str, object]:
    """Return the JSON object of a project's retention policy and the start of its remaining data.

    `is_own` is False for the default policy of the settings. Times are Unix nanoseconds.
    """
    return {
        "projectId": project_id,
        "policy": policy.as_json(),
        "source": "project" if is_own else "settings",
        "contentFrom": _time_or_none(content_from_ns, format_time),
        "rowsFrom": _time_or_none(rows_from_ns, format_time),
    }


def _time_or_none(time_ns: int | None, format_time: FormatTime) -> str | None:
    return None if time_ns is None else format_time(time_ns)
