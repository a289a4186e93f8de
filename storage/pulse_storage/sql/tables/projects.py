"""Projects and API keys."""

from __future__ import annotations

from collections.abc import Collection

from pulse_storage.errors import NameTaken
from pulse_storage.rows import ApiKey, Project
from pulse_storage.sql.connection import Connection, Values

_TOUCH_EVERY_NS = 60_000_000_000
#: Reads `api_keys` and `projects`; conditions follow. `api_key` converts a row.
SELECT_KEY = """
SELECT api_keys.id, projects.id, digest, hint, scopes,
    api_keys.created_ns, last_used_ns, expires_ns, revoked_ns
FROM api_keys INNER JOIN projects ON projects.key = api_keys.project"""


_INSERT_KEY = (
    "INSERT INTO api_keys"
    " (id, project, digest, hint, scopes, created_ns, last_used_ns, expires_ns, revoked_ns)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def project_key(connection: Connection, project_id: str, *, or_deleted: bool = False) -> int | None:
    """Return the number of a project within this store; None if there is no such project."""
    live = "" if or_deleted else " AND deleted_ns IS NULL"
    return connection.execute(f"SELECT key FROM projects WHERE id = ?{live}", (project_id,)).get


def existing_key(connection: Connection, project_id: str) -> int:
    """Return the number of a project within this store. Raises KeyError if there is no such project."""
    key = project_key(connection, project_id)
    if key is None:
        raise KeyError(project_id)
    return key


def insert_project(connection: Connection, project: Project, key: ApiKey) -> None:
    """Add a project with its first key. Raises NameTaken."""
    connection.lock_projects()
    _refuse_taken(connection, project.name, but=None)
    connection.execute("INSERT INTO projects (id, name, created_ns) VALUES (?, ?, ?)", project)
    insert_key(connection, key)


def rename(connection: Connection, project_id: str, name: str) -> bool:
    """Rename a project; return False if there is no such project. Raises NameTaken."""
    connection.lock_projects()
    project = project_key(connection, project_id)
    if project is None:
        return False
    _refuse_taken(connection, name, but=project)
    connection.execute("UPDATE projects SET name = ? WHERE key = ?", (name, project))
    return True


def _refuse_taken(connection: Connection, name: str, *, but: int | None) -> None:
    owners = connection.execute("SELECT key FROM projects WHERE name = ? AND deleted_ns IS NULL", (name,))
    if any(key != but for (key,) in owners.fetchall()):
        raise NameTaken(name)


def mark_deleted(connection: Connection, project: int, deleted_ns: int) -> None:
    """Hide a project and delete its keys: from here on nothing can be read from it or stored in it."""
    connection.execute("UPDATE projects SET deleted_ns = ? WHERE key = ?", (deleted_ns, project))
    connection.execute("DELETE FROM api_keys WHERE project = ?", (project,))


def has_project(connection: Connection) -> bool:
    """Return whether the store has, or had, any project."""
    return connection.execute("SELECT 1 FROM projects LIMIT 1").fetchone() is not None


def all_projects(connection: Connection) -> list[Project]:
    """Return all projects, oldest first."""
    rows = connection.execute(
        "SELECT id, name, created_ns FROM projects WHERE deleted_ns IS NULL ORDER BY created_ns, key"
    )
    return [Project(*row) for row in rows]  # pyright: ignore[reportArgumentType]


def project_named(connection: Connection, project: int) -> Project:
    """Return the project with this number."""
    row = connection.execute("SELECT id, name, created_ns FROM projects WHERE key = ?", (project,)).fetchone()
    assert row is not None
    return Project(*row)  # pyright: ignore[reportArgumentType]


def insert_key(connection: Connection, key: ApiKey) -> None:
    """Add a key. Raises KeyError if its project does not exist."""
    connection.execute(_INSERT_KEY, _key_values(existing_key(connection, key.project_id), key))


def put_key(connection: Connection, project: int, key: ApiKey) -> None:
    """Add a key, or replace the times of a stored one."""
    connection.execute(
        f"{_INSERT_KEY} ON CONFLICT (id) DO UPDATE SET last_used_ns = excluded.last_used_ns,"
        " expires_ns = excluded.expires_ns, revoked_ns = excluded.revoked_ns",
        _key_values(project, key),
    )


def keys_of(connection: Connection, project_id: str) -> list[ApiKey]:
    """Return all keys of a project, oldest first."""
    rows = connection.execute(
        f"{SELECT_KEY} WHERE projects.id = ? ORDER BY api_keys.created_ns, api_keys.rowid", (project_id,)
    )
    return [api_key(row) for row in rows]


def key_with_digest(connection: Connection, digest: bytes) -> ApiKey | None:
    """Return the key with this digest, or None."""
    row = connection.execute(f"{SELECT_KEY} WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else api_key(row)


def mark_revoked(connection: Connection, project_id: str, key_id: str, revoked_ns: int) -> bool:
    """Revoke a key, unless it is revoked; return False if the project has no such key."""
    changed = connection.execute(
        "UPDATE api_keys SET revoked_ns = coalesce(revoked_ns, ?)"
        " WHERE id = ? AND project = (SELECT key FROM projects WHERE id = ?) RETURNING 1",
        (revoked_ns, key_id, project_id),
    ).fetchall()
    return bool(changed)


def mark_used(connection: Connection, key_ids: Collection[str], used_ns: int) -> None:
    """Store when keys were used, unless the stored time is less than a minute ago."""
    connection.executemany(
        "UPDATE api_keys SET last_used_ns = ? WHERE id = ? AND (last_used_ns IS NULL OR last_used_ns <= ?)",
        [(used_ns, key_id, used_ns - _TOUCH_EVERY_NS) for key_id in sorted(key_ids)],
    )


def _key_values(project: int, key: ApiKey) -> Values:
    return (
        key.id, project, key.digest, key.hint, " ".join(sorted(key.scopes)),
        key.created_ns, key.last_used_ns, key.expires_ns, key.revoked_ns,
    )  # fmt: skip


def api_key(row: Values) -> ApiKey:
    """Return the key of a row of `SELECT_KEY`."""
    id, project_id, digest, hint, scopes, *times = row
    return ApiKey(id, project_id, digest, hint, frozenset(str(scopes).split()), *times)  # pyright: ignore[reportArgumentType]
