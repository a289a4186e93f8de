"""Retention policies of projects, and erasure of one user's or session's data."""

from __future__ import annotations

from typing import NamedTuple

from pulse_query_api.errors import ApiError
from pulse_storage.engines import Store
from pulse_storage.maintenance import Erasure, MaintenanceLeaseHeld, Subject
from pulse_storage.retention import RetentionPolicy

#: A request waits at most this long for an erasure; the server's maintenance continues it.
_ERASE_WITHIN_S = 5.0


class Retention(NamedTuple):
    """The policy in force for a project, and the start of its remaining data in Unix nanoseconds."""

    policy: RetentionPolicy
    #: True if the policy is the project's own, False if it is the default of the settings.
    is_own: bool
    #: Content of earlier calls has been deleted; None if none was.
    content_from_ns: int | None
    #: Rows of earlier calls have been deleted; None if none were.
    rows_from_ns: int | None


async def retention_of(storage: Store, project_id: str, default: RetentionPolicy) -> Retention:
    """Return a project's retention; `default` applies if it has no own policy. Raises ApiError 404."""
    try:
        policy = await storage.retention_policy(project_id)
        progress = await storage.maintenance.progress(project_id)
    except KeyError as error:
        raise no_project() from error
    return Retention(policy or default, policy is not None, progress.content_from_ns, progress.rows_from_ns)


async def set_policy(storage: Store, project_id: str, policy: RetentionPolicy | None) -> None:
    """Store a project's own policy, or delete it if `policy` is None. Raises ApiError 404."""
    try:
        await storage.set_retention_policy(project_id, policy)
    except KeyError as error:
        raise no_project() from error


async def count_erasable(storage: Store, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
    """Return how many rows have the user or session, and how many of them are counted calls.

    An erasure also deletes further records of the same calls. Raises ApiError 404 for an unknown project.
    """
    try:
        return await storage.maintenance.count_erasable(project_id, subject, value)
    except KeyError as error:
        raise no_project() from error


async def order_erasure(storage: Store, project_id: str, subject: Subject, value: str) -> Erasure:
    """Order an erasure, run it for up to five seconds and return its progress.

    An unfinished erasure (`finished_ns` is None) is continued by the server's maintenance. Raises ApiError
    404 if there is no such project.
    """
    try:
        ordered = await storage.order_erasure(project_id, subject, value)
    except KeyError as error:
        raise no_project() from error
    try:
        return await storage.maintenance.erase(ordered, wait_s=0, within_s=_ERASE_WITHIN_S)
    except MaintenanceLeaseHeld:
        return ordered


async def list_erasures(storage: Store, project_id: str) -> list[Erasure]:
    """Return the erasures of a project, newest first. Raises ApiError 404 for an unknown project."""
    try:
        return await storage.erasures(project_id)
    except KeyError as error:
        raise no_project() from error


def no_project() -> ApiError:
    """Return the 404 error for an unknown project id."""
    return ApiError(404, "There is no project with this id.")
