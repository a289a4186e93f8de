"""Create, rename and delete projects; create, list and revoke their API keys."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from pulse_query_api.errors import ApiError
from pulse_query_api.services.retention import no_project
from pulse_storage.engines import Store
from pulse_storage.errors import NameTaken
from pulse_storage.keys import DEFAULT_SCOPES, key_record, new_key
from pulse_storage.maintenance import Erasure, MaintenanceLeaseHeld
from pulse_storage.rows import ApiKey, Project

#: A request waits at most this long for a deletion; the server's maintenance continues it.
_DELETE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new API key: its plain text, which is not stored, and its stored record."""

    key: str
    record: ApiKey


async def create_project(storage: Store, name: str) -> tuple[Project, NewKey]:
    """Create a project with a first key that has all scopes. Raises ApiError 409 if the name is taken."""
    now_ns = time.time_ns()
    project = Project(id=str(uuid.uuid4()), name=name, created_ns=now_ns)
    created = _new_key(project.id, DEFAULT_SCOPES, now_ns, None)
    try:
        await storage.create_project(project, created.record)
    except NameTaken as error:
        raise _name_taken(error) from error
    return project, created


async def rename_project(storage: Store, project_id: str, name: str) -> Project:
    """Rename a project. Raises ApiError: 404 for an unknown project, 409 if the name is taken."""
    try:
        if not await storage.rename_project(project_id, name):
            raise no_project()
    except NameTaken as error:
        raise _name_taken(error) from error
    return await _project(storage, project_id)


async def delete_project(storage: Store, project_id: str, name: str) -> Erasure:
    """Delete a project with its keys and data for up to five seconds, and return the progress.

    An unfinished deletion (`finished_ns` is None) is continued by the server's maintenance. `name` confirms
    the deletion. Raises ApiError: 404 for an unknown project, 409 if `name` is not the project's name.
    """
    project = await _project(storage, project_id)
    if project.name != name:
        raise ApiError(409, f"This project is named '{project.name}': send that name to delete it.")
    try:
        order = await storage.delete_project(project_id)
    except KeyError as error:
        raise no_project() from error
    try:
        return await storage.maintenance.erase(order, wait_s=0, within_s=_DELETE_WITHIN_S)
    except MaintenanceLeaseHeld:
        return order


async def create_key(
    storage: Store, project_id: str, scopes: Collection[str], expires_ns: int | None
) -> NewKey:
    """Create a key for a project; `expires_ns` is Unix time, None for a key that never expires.

    Raises ApiError 404 if there is no such project.
    """
    created = _new_key(project_id, scopes, time.time_ns(), expires_ns)
    try:
        await storage.create_key(created.record)
    except KeyError as error:
        raise no_project() from error
    return created


async def list_keys(storage: Store, project_id: str) -> list[ApiKey]:
    """Return a project's keys, with revoked and expired ones. Raises ApiError 404 for an unknown project."""
    keys = await storage.list_keys(project_id)
    if not keys and all(project.id != project_id for project in await storage.list_projects()):
        raise no_project()
    return keys


async def revoke_key(storage: Store, project_id: str, key_id: str) -> None:
    """Revoke a key, or do nothing if it is revoked. Raises ApiError 404 if the project has no such key."""
    if not await storage.revoke_key(project_id, key_id, time.time_ns()):
        raise ApiError(404, "This project has no key with this id.")


async def _project(storage: Store, project_id: str) -> Project:
    for project in await storage.list_projects():
        if project.id == project_id:
            return project
    raise no_project()


def _new_key(project_id: str, scopes: Collection[str], now_ns: int, expires_ns: int | None) -> NewKey:
    key = new_key()
    record = key_record(key, project_id, created_ns=now_ns, scopes=scopes, expires_ns=expires_ns)
    return NewKey(key, record)


def _name_taken(error: NameTaken) -> ApiError:
    return ApiError(409, f"{str(error).capitalize()}.")
