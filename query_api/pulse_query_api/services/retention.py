"""How long a project's data is kept, and whose is erased at once."""

from __future__ import annotations

from typing import NamedTuple

from pulse_query_api.errors import ApiError
from pulse_storage.adapter import StorageAdapter
from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.maintenance.erase import erase
from pulse_storage.sql.maintenance.run import UpkeepBusy
from pulse_storage.sql.tables.erasures import Erasure, Subject

#: An answer waits so long for an erasure; the server finishes what is left by itself.
_ERASE_WITHIN_S = 5.0


class Retention(NamedTuple):
    """What applies to a project, and how far its data has been dropped; times are Unix nanoseconds."""

    policy: RetentionPolicy
    #: Whether the project has a policy of its own.
    own: bool
    content_from_ns: int | None
    rows_from_ns: int | None


async def retention_of(storage: StorageAdapter, project_id: str, default: RetentionPolicy) -> Retention:
    """What applies to a project. Raises ApiError 404 if there is no such project."""
    try:
        policy = await storage.upkeep.policy(project_id)
        marks = await storage.upkeep.marks(project_id)
    except KeyError as error:
        raise no_project() from error
    return Retention(
        policy or default,
        policy is not None,
        marks.content_from_ns if marks.content_from else None,
        marks.rows_from_ns if marks.rows_from else None,
    )


async def set_policy(storage: StorageAdapter, project_id: str, policy: RetentionPolicy | None) -> None:
    """Give a project a policy of its own, or leave it to the settings. Raises ApiError 404."""
    try:
        await storage.upkeep.set_policy(project_id, policy)
    except KeyError as error:
        raise no_project() from error


async def count_erasable(
    storage: StorageAdapter, project_id: str, subject: Subject, value: str
) -> tuple[int, int]:
    """How many rows an erasure would begin with, and how many of them count. Raises ApiError 404."""
    try:
        return await storage.upkeep.erasable(project_id, subject, value)
    except KeyError as error:
        raise no_project() from error


async def order_erasure(storage: StorageAdapter, project_id: str, subject: Subject, value: str) -> Erasure:
    """Order an erasure and do as much of it as an answer can wait for. Raises ApiError 404."""
    try:
        ordered = await storage.upkeep.order_erasure(project_id, subject, value)
    except KeyError as error:
        raise no_project() from error
    try:
        return await erase(storage, ordered, wait_s=0, within_s=_ERASE_WITHIN_S)
    except UpkeepBusy:
        return ordered


async def erasures(storage: StorageAdapter, project_id: str) -> list[Erasure]:
    """The erasures of a project, newest first. Raises ApiError 404."""
    try:
        return await storage.upkeep.erasures(project_id)
    except KeyError as error:
        raise no_project() from error


def no_project() -> ApiError:
    """The answer to a project id that does not exist."""
    return ApiError(404, "There is no project with this id.")
