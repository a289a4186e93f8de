"""ControlStore: what a server keeps about projects, in a store with transactions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from pulse_storage.maintenance import Erasure, Removed, Subject
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import ApiKey, Project, ProjectPrices, SignInToken, WebSession


class ProjectSettings(NamedTuple):
    """A project with its keys, own prices, own policy and orders of erasures."""

    project: Project
    keys: Sequence[ApiKey] = ()
    prices: ProjectPrices | None = None
    policy: RetentionPolicy | None = None
    erasures: Sequence[Erasure] = ()


class Leases(Protocol):
    """Named leases: at most one holder at a time, until a time, across processes."""

    async def hold_lease(self, name: str, holder: str, ttl_s: float) -> bool:
        """Take a lease for `ttl_s` seconds, or renew it; False while another holder has it."""
        ...

    async def release_lease(self, name: str, holder: str) -> None:
        """Release a lease; nothing happens if `holder` does not have it."""
        ...


class WebSessions(Protocol):
    """Sessions of browsers, and the one-time tokens that begin them.

    Only SHA-256 digests of secrets are stored. Copies and backups contain neither sessions nor tokens.
    """

    async def put_sign_in_token(self, token: SignInToken) -> None:
        """Store a sign-in token."""
        ...

    async def use_sign_in_token(self, digest: bytes, now_ns: int) -> SignInToken | None:
        """Delete a token and return it; None if it is unknown, already used, or expired at `now_ns`.

        Of several callers, in any process, at most one gets the token.
        """
        ...

    async def put_web_session(self, session: WebSession, *, replaces: bytes | None = None) -> None:
        """Store a session, and delete the session with the digest `replaces`, both or neither.

        Of the session's keys only the ids are stored; keys that no longer exist are left out.
        """
        ...

    async def web_session(self, digest: bytes) -> WebSession | None:
        """Return the session with this digest, also an expired one; None if there is none."""
        ...

    async def delete_web_session(self, digest: bytes) -> bool:
        """Delete a session; False if there is none with this digest."""
        ...

    async def touch_web_sessions(self, digests: Collection[bytes], used_ns: int) -> None:
        """Store when sessions were last used; times less than a minute after the stored ones are ignored."""
        ...

    async def delete_expired_sign_ins(self, now_ns: int) -> int:
        """Delete the sessions and tokens that have expired at `now_ns`; return their number."""
        ...


class ControlStore(Leases, WebSessions, Protocol):
    """Projects, keys, web sessions, prices, policies, leases, orders of erasures: few rows, transactional.

    A store without transactions keeps its rows itself and uses the control store of PostgreSQL. Safe to use
    from any thread and event loop. Every method may raise `StoreUnavailable`; a method that changes something
    returns once the change is committed. Times are Unix nanoseconds.
    """

    async def create_project(self, project: Project, key: ApiKey) -> None:
        """Store a project with its first key, both or neither. Raises `NameTaken`."""
        ...

    async def create_first_project(self, project: Project, key: ApiKey) -> bool:
        """Do `create_project` if the store never had a project; otherwise store nothing and return False.

        Of two servers that start at the same moment, one gets True.
        """
        ...

    async def rename_project(self, project_id: str, name: str) -> bool:
        """Give a project another name; False if there is no such project. Raises `NameTaken`."""
        ...

    async def delete_project(self, project_id: str) -> Erasure:
        """Hide a project, delete its keys, and order the deletion of its data by `Maintenance.erase`.

        Web sessions lose these keys; those without any other access are deleted. The project's id stays
        reserved; its name is free again. Raises `KeyError` if there is no such project.
        """
        ...

    async def list_projects(self) -> list[Project]:
        """Return all projects, oldest first."""
        ...

    async def project_settings(self, project_id: str) -> ProjectSettings:
        """Return a project with all that this store has of it. Raises `KeyError`."""
        ...

    async def put_project_settings(self, settings: ProjectSettings) -> None:
        """Create a project or replace its settings, for copies; add the keys and orders that are missing."""
        ...

    async def create_key(self, key: ApiKey) -> None:
        """Store a key. Raises `KeyError` if its project does not exist."""
        ...

    async def list_keys(self, project_id: str) -> list[ApiKey]:
        """Return all keys of a project, with revoked and expired ones, oldest first."""
        ...

    async def revoke_key(self, project_id: str, key_id: str, revoked_ns: int) -> bool:
        """Mark a key as revoked; False if the project has no such key. The first time is kept.

        Web sessions lose the key; those without any other access are deleted.
        """
        ...

    async def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """Return the key with this SHA-256 digest, also a revoked or expired one; None if there is none."""
        ...

    async def touch_keys(self, key_ids: Collection[str], used_ns: int) -> None:
        """Store when keys were last used. Called at most once a minute and key, off the request path."""
        ...

    async def project_prices(self, project_id: str) -> ProjectPrices | None:
        """Return a project's own prices; None if it has none."""
        ...

    async def put_project_prices(self, project_id: str, prices: ProjectPrices) -> None:
        """Set or replace a project's own prices. Raises `KeyError` if the project does not exist."""
        ...

    async def delete_project_prices(self, project_id: str) -> bool:
        """Delete a project's own prices; False if it has none."""
        ...

    async def retention_policy(self, project_id: str) -> RetentionPolicy | None:
        """Return a project's own policy; None if the default applies. Raises `KeyError`."""
        ...

    async def set_retention_policy(self, project_id: str, policy: RetentionPolicy | None) -> None:
        """Set a project's own policy, or delete it with None. Raises `KeyError`."""
        ...

    async def order_erasure(self, project_id: str, subject: Subject, value: str) -> Erasure:
        """Store the order to erase a user or session, for `Maintenance.erase`; return an open order for it.

        Raises `KeyError` if there is no such project.
        """
        ...

    async def record_erased(self, erasure_id: str, removed: Removed, finished_ns: int | None) -> Erasure:
        """Add deleted data to an order's progress; a finished order loses the user's or session's id.

        For a store whose rows are elsewhere. Raises `KeyError` if there is no such order.
        """
        ...

    async def erasures(self, project_id: str) -> list[Erasure]:
        """Return the orders of a project, newest first, at most 1,000. Raises `KeyError`."""
        ...

    async def unfinished_erasures(self) -> list[Erasure]:
        """Return the orders of all projects that are not finished, oldest first."""
        ...
