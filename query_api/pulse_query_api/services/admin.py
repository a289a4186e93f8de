"""Projects and their keys, as the operator makes and ends them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from pulse_query_api.errors import ApiError
from pulse_storage.adapter import StorageAdapter
from pulse_storage.keys import SCOPES, key_record, new_key
from pulse_storage.rows import ApiKey, Project


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the one moment when it can be shown, and what is kept of it."""

    key: str
    record: ApiKey


async def create_project(storage: StorageAdapter, name: str) -> tuple[Project, NewKey]:
    """A project with its first key, which has every scope."""
    now_ns = time.time_ns()
    project = Project(id=str(uuid.uuid4()), name=name, created_ns=now_ns)
    made = _new_key(project.id, SCOPES, now_ns, None)
    await storage.create_project(project, made.record)
    return project, made


async def create_key(
    storage: StorageAdapter, project_id: str, scopes: Collection[str], expires_ns: int | None
) -> NewKey:
    """One more key of a project. Raises ApiError 404 if there is no such project."""
    made = _new_key(project_id, scopes, time.time_ns(), expires_ns)
    try:
        await storage.create_key(made.record)
    except KeyError as error:
        raise _no_project() from error
    return made


async def list_keys(storage: StorageAdapter, project_id: str) -> list[ApiKey]:
    """Keys of a project, ended ones too. Raises ApiError 404 if there is no such project."""
    keys = await storage.list_keys(project_id)
    if not keys and all(project.id != project_id for project in await storage.list_projects()):
        raise _no_project()
    return keys


async def revoke_key(storage: StorageAdapter, project_id: str, key_id: str) -> None:
    """End a key; ending it again changes nothing. Raises ApiError 404 if the project has no such key."""
    if not await storage.revoke_key(project_id, key_id, time.time_ns()):
        raise ApiError(404, "This project has no key with this id.")


def _new_key(project_id: str, scopes: Collection[str], now_ns: int, expires_ns: int | None) -> NewKey:
    key = new_key()
    record = key_record(key, project_id, created_ns=now_ns, scopes=scopes, expires_ns=expires_ns)
    return NewKey(key, record)


def _no_project() -> ApiError:
    return ApiError(404, "There is no project with this id.")
