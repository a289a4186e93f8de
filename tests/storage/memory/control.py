"""The control store in memory: projects with what belongs to them, and leases."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.storage.memory.rows import Rows

from pulse_storage import ApiKey, Project, ProjectPrices, StoreUnavailable
from pulse_storage.control_store import ProjectSettings
from pulse_storage.errors import NameTaken
from pulse_storage.maintenance import Erasure, Removed, Subject
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import SignInToken, WebSession

_TOUCH_EVERY_NS = 60_000_000_000


@dataclass
class ProjectData:
    """A project with its settings and its rows."""

    project: Project
    keys: dict[str, ApiKey] = field(default_factory=dict[str, ApiKey])
    prices: ProjectPrices | None = None
    policy: RetentionPolicy | None = None
    is_deleted: bool = False
    rows: Rows = field(default_factory=Rows)


@dataclass
class Memory:
    """What all open stores of one folder share: the database, so to speak."""

    #: By id, in the order of creation; deleted ones keep their id.
    projects: dict[str, ProjectData] = field(default_factory=dict[str, ProjectData])
    #: Oldest first.
    erasures: dict[str, Erasure] = field(default_factory=dict[str, Erasure])
    #: Holder and end (`time.monotonic`) by name.
    leases: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    sessions: dict[bytes, WebSession] = field(default_factory=dict[bytes, WebSession])
    tokens: dict[bytes, SignInToken] = field(default_factory=dict[bytes, SignInToken])


class MemoryControl:
    """See ControlStore. Each method runs to its end without an await, so it is a transaction."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.is_closed = False

    async def create_project(self, project: Project, key: ApiKey) -> None:
        self._refuse_taken(project.name, but=None)
        if key.project_id != project.id:
            raise KeyError(key.project_id)
        self._memory.projects[project.id] = ProjectData(project, {key.id: key})

    async def create_first_project(self, project: Project, key: ApiKey) -> bool:
        if self._memory.projects:
            return False
        await self.create_project(project, key)
        return True

    async def rename_project(self, project_id: str, name: str) -> bool:
        data = self._find(project_id)
        if data is None:
            return False
        self._refuse_taken(name, but=project_id)
        data.project = data.project._replace(name=name)
        return True

    async def delete_project(self, project_id: str) -> Erasure:
        data = self.existing(project_id)
        data.is_deleted = True
        self._end_access(set(data.keys))
        data.keys.clear()
        return self._order(project_id, "project", None)

    async def list_projects(self) -> list[Project]:
        self._check_open()
        live = [data.project for data in self._memory.projects.values() if not data.is_deleted]
        return sorted(live, key=lambda project: project.created_ns)

    async def project_settings(self, project_id: str) -> ProjectSettings:
        data = self.existing(project_id)
        keys, erasures = list(data.keys.values()), await self.erasures(project_id)
        return ProjectSettings(data.project, keys, data.prices, data.policy, erasures)

    async def put_project_settings(self, settings: ProjectSettings) -> None:
        project = settings.project
        data = self._memory.projects.setdefault(project.id, ProjectData(project))
        data.project, data.policy = project, settings.policy
        data.prices = settings.prices or data.prices
        data.keys |= {key.id: key for key in settings.keys}
        for erasure in reversed(settings.erasures):
            self._memory.erasures.setdefault(erasure.id, erasure)

    async def create_key(self, key: ApiKey) -> None:
        self.existing(key.project_id).keys[key.id] = key

    async def list_keys(self, project_id: str) -> list[ApiKey]:
        data = self._find(project_id)
        return [] if data is None else sorted(data.keys.values(), key=lambda key: key.created_ns)

    async def revoke_key(self, project_id: str, key_id: str, revoked_ns: int) -> bool:
        data = self._find(project_id)
        key = None if data is None else data.keys.get(key_id)
        if data is None or key is None:
            return False
        if key.revoked_ns is None:
            data.keys[key_id] = key._replace(revoked_ns=revoked_ns)
        self._end_access({key_id})
        return True

    async def key_by_digest(self, digest: bytes) -> ApiKey | None:
        self._check_open()
        keys = (key for data in self._memory.projects.values() for key in data.keys.values())
        return next((key for key in keys if key.digest == digest), None)

    async def touch_keys(self, key_ids: Collection[str], used_ns: int) -> None:
        for data in self._memory.projects.values():
            for key in [data.keys[key_id] for key_id in key_ids if key_id in data.keys]:
                if key.last_used_ns is None or key.last_used_ns <= used_ns - _TOUCH_EVERY_NS:
                    data.keys[key.id] = key._replace(last_used_ns=used_ns)

    async def project_prices(self, project_id: str) -> ProjectPrices | None:
        data = self._find(project_id)
        return None if data is None else data.prices

    async def put_project_prices(self, project_id: str, prices: ProjectPrices) -> None:
        self.existing(project_id).prices = prices

    async def delete_project_prices(self, project_id: str) -> bool:
        data = self._find(project_id)
        if data is None or data.prices is None:
            return False
        data.prices = None
        return True

    async def retention_policy(self, project_id: str) -> RetentionPolicy | None:
        return self.existing(project_id).policy

    async def set_retention_policy(self, project_id: str, policy: RetentionPolicy | None) -> None:
        self.existing(project_id).policy = policy

    async def order_erasure(self, project_id: str, subject: Subject, value: str) -> Erasure:
        self.existing(project_id)
        wanted = (project_id, subject, value)
        for erasure in await self.unfinished_erasures():
            if (erasure.project_id, erasure.subject, erasure.value) == wanted:
                return erasure
        return self._order(project_id, subject, value)

    async def record_erased(self, erasure_id: str, removed: Removed, finished_ns: int | None) -> Erasure:
        erasure = self._memory.erasures[erasure_id].plus(removed)
        if finished_ns is not None:
            erasure = erasure._replace(finished_ns=finished_ns, value=None)
        self._memory.erasures[erasure_id] = erasure
        return erasure

    async def erasures(self, project_id: str) -> list[Erasure]:
        self.existing(project_id)
        found = [each for each in self._memory.erasures.values() if each.project_id == project_id]
        return found[::-1][:1_000]

    async def unfinished_erasures(self) -> list[Erasure]:
        return [each for each in self._memory.erasures.values() if each.finished_ns is None]

    async def put_sign_in_token(self, token: SignInToken) -> None:
        self._memory.tokens[token.digest] = token

    async def use_sign_in_token(self, digest: bytes, now_ns: int) -> SignInToken | None:
        token = self._memory.tokens.pop(digest, None)
        return token if token is not None and token.expires_ns > now_ns else None

    async def put_web_session(self, session: WebSession, *, replaces: bytes | None = None) -> None:
        if replaces is not None:
            self._memory.sessions.pop(replaces, None)
        self._memory.sessions[session.digest] = session

    async def web_session(self, digest: bytes) -> WebSession | None:
        self._check_open()
        session = self._memory.sessions.get(digest)
        if session is None:
            return None
        keys = {key.id: key for data in self._memory.projects.values() for key in data.keys.values()}
        ids = {key.id for key in session.keys} & keys.keys()
        chosen = sorted((keys[id] for id in ids), key=lambda key: (key.created_ns, key.id))
        return session._replace(keys=tuple(chosen))

    async def delete_web_session(self, digest: bytes) -> bool:
        return self._memory.sessions.pop(digest, None) is not None

    async def touch_web_sessions(self, digests: Collection[bytes], used_ns: int) -> None:
        for session in [self._memory.sessions[each] for each in digests if each in self._memory.sessions]:
            if session.last_used_ns is None or session.last_used_ns <= used_ns - _TOUCH_EVERY_NS:
                self._memory.sessions[session.digest] = session._replace(last_used_ns=used_ns)

    async def delete_expired_sign_ins(self, now_ns: int) -> int:
        memory = self._memory
        sessions = [each.digest for each in memory.sessions.values() if each.expires_ns <= now_ns]
        tokens = [each.digest for each in memory.tokens.values() if each.expires_ns <= now_ns]
        for digest in sessions:
            del memory.sessions[digest]
        for digest in tokens:
            del memory.tokens[digest]
        return len(sessions) + len(tokens)

    async def hold_lease(self, name: str, holder: str, ttl_s: float) -> bool:
        now_s = time.monotonic()
        held_by, until_s = self._memory.leases.get(name, (holder, now_s))
        if held_by != holder and until_s > now_s:
            return False
        self._memory.leases[name] = holder, now_s + ttl_s
        return True

    async def release_lease(self, name: str, holder: str) -> None:
        if self._memory.leases.get(name, ("", 0.0))[0] == holder:
            del self._memory.leases[name]

    def _end_access(self, key_ids: set[str]) -> None:
        """Take keys from all sessions; delete the sessions that give no access without them."""
        for session in list(self._memory.sessions.values()):
            keys = tuple(key for key in session.keys if key.id not in key_ids)
            if keys or session.reads_all or session.admin_proof or len(keys) == len(session.keys):
                self._memory.sessions[session.digest] = session._replace(keys=keys)
            else:
                del self._memory.sessions[session.digest]

    def _order(self, project_id: str, subject: Subject, value: str | None) -> Erasure:
        erasure = Erasure(str(uuid.uuid4()), project_id, subject, value, time.time_ns(), None)
        self._memory.erasures[erasure.id] = erasure
        return erasure

    def _find(self, project_id: str) -> ProjectData | None:
        self._check_open()
        data = self._memory.projects.get(project_id)
        return None if data is None or data.is_deleted else data

    def rows_even_of_deleted(self, project_id: str) -> Rows:
        return self._memory.projects[project_id].rows

    def existing(self, project_id: str) -> ProjectData:
        data = self._find(project_id)
        if data is None:
            raise KeyError(project_id)
        return data

    def _refuse_taken(self, name: str, *, but: str | None) -> None:
        self._check_open()
        for id, data in self._memory.projects.items():
            if data.project.name == name and not data.is_deleted and id != but:
                raise NameTaken(name)

    def _check_open(self) -> None:
        if self.is_closed:
            raise StoreUnavailable("the store is closed")
