"""Every store stores web sessions and sign-in tokens as the contract requires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.storage.backends import Backend
from tests.support.rows import NOON_NS, SECOND_NS, project

from pulse_storage import ApiKey, Store
from pulse_storage.copying import copy
from pulse_storage.keys import key_record, new_key
from pulse_storage.rows import SignInToken, WebSession

pytestmark = pytest.mark.anyio

_MINUTE_NS = 60 * SECOND_NS


def _session(number: int, *keys: ApiKey, **values: Any) -> WebSession:
    session = WebSession(number.to_bytes(32, "big"), keys, False, None, None, NOON_NS, NOON_NS + 10, None)
    return session._replace(**values)


def _token(number: int, **values: Any) -> SignInToken:
    return SignInToken(number.to_bytes(32, "big"), False, NOON_NS + 10)._replace(**values)


async def _keys(storage: Store) -> tuple[ApiKey, ApiKey]:
    [of_p], [of_q] = await storage.list_keys("p"), await storage.list_keys("q")
    return of_p, of_q


async def test_session_is_returned_by_digest_with_its_keys(storage: Store) -> None:
    of_p, of_q = await _keys(storage)
    sessions = [
        _session(1, of_p),
        _session(2, of_p, of_q),
        _session(3, reads_all=True, last_used_ns=5),
        _session(4, of_q, admin_until_ns=NOON_NS + 5, admin_proof=b"proof"),
    ]
    for session in sessions:
        await storage.put_web_session(session)
    for session in sessions:
        found = await storage.web_session(session.digest)
        assert found is not None
        assert found._replace(keys=()) == session._replace(keys=())
        assert {key.id for key in found.keys} == {key.id for key in session.keys}
        assert all(key in (of_p, of_q) for key in found.keys)
    assert await storage.web_session(b"unknown") is None


async def test_session_that_is_replaced_is_deleted(storage: Store) -> None:
    of_p, of_q = await _keys(storage)
    await storage.put_web_session(_session(1, of_p))
    await storage.put_web_session(_session(2, of_p, of_q), replaces=_session(1).digest)
    await storage.put_web_session(_session(3, of_p), replaces=b"unknown")
    assert await storage.web_session(_session(1).digest) is None
    assert await storage.web_session(_session(2).digest) is not None
    assert await storage.delete_web_session(_session(2).digest)
    assert not await storage.delete_web_session(_session(2).digest)
    assert await storage.web_session(_session(2).digest) is None
    assert await storage.web_session(_session(3).digest) is not None


async def test_unknown_keys_of_a_session_are_left_out(storage: Store) -> None:
    of_p, _ = await _keys(storage)
    await storage.put_web_session(_session(1, of_p, key_record(new_key(), "p", created_ns=1)))
    found = await storage.web_session(_session(1).digest)
    assert found is not None
    assert found.keys == (of_p,)


async def _revoke_p(storage: Store, key: ApiKey) -> None:
    assert await storage.revoke_key("p", key.id, NOON_NS)


async def _delete_p(storage: Store, key: ApiKey) -> None:
    await storage.delete_project(key.project_id)


@pytest.mark.parametrize("end", [_revoke_p, _delete_p])
async def test_end_of_a_key_ends_the_sessions_that_have_no_other_access(
    storage: Store, end: Callable[[Store, ApiKey], Any]
) -> None:
    of_p, of_q = await _keys(storage)
    kept = [
        _session(2, of_p, of_q),
        _session(3, of_p, reads_all=True),
        _session(4, of_p, admin_proof=b"proof"),
        _session(5, of_q),
    ]
    for session in [_session(1, of_p), *kept]:
        await storage.put_web_session(session)
    await end(storage, of_p)
    assert await storage.web_session(_session(1).digest) is None
    found = [await storage.web_session(session.digest) for session in kept]
    assert [session and session.keys for session in found] == [(of_q,), (), (), (of_q,)]


async def test_revoking_a_foreign_key_keeps_the_sessions(storage: Store) -> None:
    of_p, _ = await _keys(storage)
    await storage.put_web_session(_session(1, of_p))
    assert not await storage.revoke_key("q", of_p.id, NOON_NS)
    assert await storage.web_session(_session(1).digest) == _session(1, of_p)


async def test_last_use_of_a_session_is_stored_at_most_once_a_minute(storage: Store) -> None:
    of_p, _ = await _keys(storage)
    await storage.put_web_session(_session(1, of_p))
    stored: list[int | None] = []
    for used_ns in (NOON_NS, NOON_NS + _MINUTE_NS - 1, NOON_NS + _MINUTE_NS):
        await storage.touch_web_sessions([_session(1).digest, b"unknown"], used_ns)
        found = await storage.web_session(_session(1).digest)
        stored.append(found and found.last_used_ns)
    assert stored == [NOON_NS, NOON_NS, NOON_NS + _MINUTE_NS]


async def test_token_is_used_once_before_it_expires(storage: Store) -> None:
    await storage.put_sign_in_token(_token(1, is_admin=True))
    await storage.put_sign_in_token(_token(2))
    assert await storage.use_sign_in_token(b"unknown", NOON_NS) is None
    assert await storage.use_sign_in_token(_token(1).digest, NOON_NS + 9) == _token(1, is_admin=True)
    assert await storage.use_sign_in_token(_token(1).digest, NOON_NS + 9) is None
    assert await storage.use_sign_in_token(_token(2).digest, NOON_NS + 10) is None


async def test_token_used_by_several_processes_at_once_is_used_once(backend: Backend, tmp_path: Path) -> None:
    storages = [backend.open(tmp_path) for _ in range(3)]
    for number in range(4):
        await storages[0].put_sign_in_token(_token(number))
        used = await asyncio.gather(
            *(storages[at % 3].use_sign_in_token(_token(number).digest, NOON_NS) for at in range(9))
        )
        assert [token for token in used if token is not None] == [_token(number)]
    for storage in storages:
        await storage.close()


async def test_session_is_seen_by_another_process(backend: Backend, tmp_path: Path) -> None:
    first, second = backend.open(tmp_path), backend.open(tmp_path)
    await first.create_project(*project("p"))
    [key] = await first.list_keys("p")
    await first.put_web_session(_session(1, key))
    assert await second.web_session(_session(1).digest) == _session(1, key)
    assert await second.revoke_key("p", key.id, NOON_NS)
    assert await first.web_session(_session(1).digest) is None
    for storage in (first, second):
        await storage.close()


async def test_expired_sessions_and_tokens_are_deleted(storage: Store) -> None:
    of_p, _ = await _keys(storage)
    await storage.put_web_session(_session(1, of_p))
    await storage.put_web_session(_session(2, of_p, expires_ns=NOON_NS + 11))
    await storage.put_sign_in_token(_token(1))
    await storage.put_sign_in_token(_token(2, expires_ns=NOON_NS + 11))
    assert await storage.delete_expired_sign_ins(NOON_NS + 9) == 0
    assert await storage.delete_expired_sign_ins(NOON_NS + 10) == 2
    assert await storage.web_session(_session(1).digest) is None
    assert await storage.web_session(_session(2).digest) is not None
    assert await storage.use_sign_in_token(_token(2).digest, NOON_NS) is not None


async def test_copy_has_no_sessions_and_no_tokens(backend: Backend, tmp_path: Path, storage: Store) -> None:
    of_p, _ = await _keys(storage)
    await storage.put_web_session(_session(1, of_p, reads_all=True))
    await storage.put_sign_in_token(_token(1))
    (tmp_path / "copy").mkdir()
    target = backend.open(tmp_path / "copy")
    await copy(storage, target)
    assert {key.id for key in await target.list_keys("p")} == {of_p.id}
    assert await target.web_session(_session(1).digest) is None
    assert await target.use_sign_in_token(_token(1).digest, NOON_NS) is None
    await target.close()
    backend.release(tmp_path / "copy")
