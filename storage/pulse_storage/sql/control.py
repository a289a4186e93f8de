"""SqlControlStore: the ControlStore on a SQL database."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Collection
from typing import TypeVar

from pulse_storage.control_store import ProjectSettings
from pulse_storage.maintenance import Erasure, Removed, Subject
from pulse_storage.retention import RetentionPolicy, policy_from_text
from pulse_storage.rows import ApiKey, Project, ProjectPrices, SignInToken, WebSession
from pulse_storage.runtime.deadlines import WRITE_DEADLINE_S, answer_within
from pulse_storage.runtime.writer import Writer
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.database import Readers, SqlDatabase
from pulse_storage.sql.tables import erasures, leases, projects, web_sessions
from pulse_storage.sql.tables.prices import delete_prices, prices_of, put_prices
from pulse_storage.sql.tables.project_settings import put_settings, read_settings
from pulse_storage.sql.tables.watermarks import put_policy, read_watermarks

_Result = TypeVar("_Result")


class SqlControlStore:
    """See ControlStore."""

    def __init__(self, database: SqlDatabase, writer: Writer, quick_readers: Readers) -> None:
        self._database = database
        self._writer = writer
        self._quick_readers = quick_readers
        #: The numbers of projects by their ids, of projects that were read before.
        self._projects: dict[str, int] = {}

    async def create_project(self, project: Project, key: ApiKey) -> None:
        """See ControlStore."""
        await self._write(lambda connection: projects.insert_project(connection, project, key))

    async def create_first_project(self, project: Project, key: ApiKey) -> bool:
        """See ControlStore."""

        def write(connection: Connection) -> bool:
            connection.lock_projects()
            if projects.has_project(connection):
                return False
            projects.insert_project(connection, project, key)
            return True

        return await self._write(write)

    async def rename_project(self, project_id: str, name: str) -> bool:
        """See ControlStore."""
        return await self._write(lambda connection: projects.rename(connection, project_id, name))

    async def delete_project(self, project_id: str) -> Erasure:
        """See ControlStore."""
        wanted = Erasure(str(uuid.uuid4()), project_id, "project", None, time.time_ns(), None)

        def write(connection: Connection) -> Erasure:
            project = projects.existing_key(connection, project_id)
            web_sessions.end_access(connection, "project = ?", (project,))
            projects.mark_deleted(connection, project, wanted.requested_ns)
            return erasures.order(connection, project, wanted)

        order = await self._write(write, None)
        self._projects.pop(project_id, None)
        return order

    async def list_projects(self) -> list[Project]:
        """See ControlStore."""
        return await self._quick_readers.run(projects.all_projects)

    async def project_settings(self, project_id: str) -> ProjectSettings:
        """See ControlStore."""
        return await self._quick_readers.run(lambda connection: read_settings(connection, project_id))

    async def put_project_settings(self, settings: ProjectSettings) -> None:
        """See ControlStore."""
        await self._write(lambda connection: put_settings(connection, settings), None)

    async def create_key(self, key: ApiKey) -> None:
        """See ControlStore."""
        await self._write(lambda connection: projects.insert_key(connection, key))

    async def list_keys(self, project_id: str) -> list[ApiKey]:
        """See ControlStore."""
        return await self._quick_readers.run(lambda connection: projects.keys_of(connection, project_id))

    async def revoke_key(self, project_id: str, key_id: str, revoked_ns: int) -> bool:
        """See ControlStore."""

        def write(connection: Connection) -> bool:
            if not projects.mark_revoked(connection, project_id, key_id, revoked_ns):
                return False
            web_sessions.end_access(connection, "id = ?", (key_id,))
            return True

        return await self._write(write)

    async def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """See ControlStore."""
        return await self._quick_readers.run(lambda connection: projects.key_with_digest(connection, digest))

    async def touch_keys(self, key_ids: Collection[str], used_ns: int) -> None:
        """See ControlStore."""
        await self._write(lambda connection: projects.mark_used(connection, key_ids, used_ns))

    async def project_prices(self, project_id: str) -> ProjectPrices | None:
        """See ControlStore."""
        return await self._read(project_id, prices_of, None, self._quick_readers)

    async def put_project_prices(self, project_id: str, prices: ProjectPrices) -> None:
        """See ControlStore."""
        await self._write(lambda connection: put_prices(connection, project_id, prices))

    async def delete_project_prices(self, project_id: str) -> bool:
        """See ControlStore."""
        return await self._write(lambda connection: delete_prices(connection, project_id))

    async def retention_policy(self, project_id: str) -> RetentionPolicy | None:
        """See ControlStore."""

        def read(connection: Connection) -> str | None:
            return read_watermarks(connection, projects.existing_key(connection, project_id)).policy

        text = await self._quick_readers.run(read)
        return None if text is None else policy_from_text(text)

    async def set_retention_policy(self, project_id: str, policy: RetentionPolicy | None) -> None:
        """See ControlStore."""
        text = None if policy is None else policy.as_text()
        await self._write(
            lambda connection: put_policy(connection, projects.existing_key(connection, project_id), text),
            None,
        )

    async def order_erasure(self, project_id: str, subject: Subject, value: str) -> Erasure:
        """See ControlStore."""
        wanted = Erasure(str(uuid.uuid4()), project_id, subject, value, time.time_ns(), None)
        return await self._write(
            lambda connection: erasures.order(
                connection, projects.existing_key(connection, project_id), wanted
            ),
            None,
        )

    async def record_erased(self, erasure_id: str, removed: Removed, finished_ns: int | None) -> Erasure:
        """See ControlStore."""
        return await self._write(
            lambda connection: erasures.record(connection, erasure_id, removed, finished_ns), None
        )

    async def erasures(self, project_id: str) -> list[Erasure]:
        """See ControlStore."""
        return await self._quick_readers.run(
            lambda connection: erasures.of_project(connection, projects.existing_key(connection, project_id))
        )

    async def unfinished_erasures(self) -> list[Erasure]:
        """See ControlStore."""
        return await self._quick_readers.run(erasures.unfinished)

    async def put_sign_in_token(self, token: SignInToken) -> None:
        """See WebSessions."""
        await self._write(lambda connection: web_sessions.put_token(connection, token))

    async def use_sign_in_token(self, digest: bytes, now_ns: int) -> SignInToken | None:
        """See WebSessions."""
        # Reading first keeps guesses away from the writer thread.
        if not await self._quick_readers.run(lambda connection: web_sessions.has_token(connection, digest)):
            return None
        return await self._write(lambda connection: web_sessions.use_token(connection, digest, now_ns))

    async def put_web_session(self, session: WebSession, *, replaces: bytes | None = None) -> None:
        """See WebSessions."""
        await self._write(lambda connection: web_sessions.put_session(connection, session, replaces))

    async def web_session(self, digest: bytes) -> WebSession | None:
        """See WebSessions."""
        return await self._quick_readers.run(
            lambda connection: web_sessions.session_with_digest(connection, digest)
        )

    async def delete_web_session(self, digest: bytes) -> bool:
        """See WebSessions."""
        if await self.web_session(digest) is None:
            return False
        return await self._write(lambda connection: web_sessions.delete_session(connection, digest))

    async def touch_web_sessions(self, digests: Collection[bytes], used_ns: int) -> None:
        """See WebSessions."""
        await self._write(lambda connection: web_sessions.mark_used(connection, digests, used_ns))

    async def delete_expired_sign_ins(self, now_ns: int) -> int:
        """See WebSessions."""
        # Reading first avoids a commit each minute.
        if not await self._quick_readers.run(lambda connection: web_sessions.has_expired(connection, now_ns)):
            return 0
        return await self._write(lambda connection: web_sessions.delete_expired(connection, now_ns), None)

    async def hold_lease(self, name: str, holder: str, ttl_s: float) -> bool:
        """See Leases."""
        now_ns = time.time_ns()
        until_ns = now_ns + int(ttl_s * 1e9)
        return await self._write(
            lambda connection: leases.hold(connection, name, holder, now_ns, until_ns), None
        )

    async def release_lease(self, name: str, holder: str) -> None:
        """See Leases."""
        now_ns = time.time_ns()
        await self._write(lambda connection: leases.release(connection, name, holder, now_ns), None)

    async def _read(
        self,
        project_id: str,
        read: Callable[[Connection, int], _Result],
        nothing: _Result,
        readers: Readers,
    ) -> _Result:
        """Return the result of `read` for a project, or `nothing` if there is no such project."""

        def of_project(connection: Connection) -> _Result:
            # Numbers are never given to another project; no key of a deleted one is valid.
            project = self._projects.get(project_id)
            if project is None:
                project = projects.project_key(connection, project_id)
                if project is None:
                    return nothing
                self._projects[project_id] = project
            return read(connection, project)

        return await readers.run(of_project)

    async def _write(
        self, write: Callable[[Connection], _Result], within_s: float | None = WRITE_DEADLINE_S
    ) -> _Result:
        """Run and commit `write` behind what waits. After `within_s` it may still be run."""
        future = asyncio.wrap_future(self._writer.run(lambda: self._database.transact(write)))
        async with answer_within(within_s):
            return await asyncio.shield(future)
