"""API keys: digests, scopes, and the cache of the key ring."""

from __future__ import annotations

import base64
import hashlib

import pytest
from tests.support.rows import NOON_NS

from pulse_storage import Store
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import (
    INGEST,
    READ,
    KeyRefused,
    KeyRing,
    ScopeMissing,
    credential,
    key_digest,
    key_record,
    new_key,
)

pytestmark = pytest.mark.anyio


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def stored_key(storage: Store, **facts: object) -> tuple[str, str]:
    """Create a key of project p; return its Authorization header and its id."""
    key = new_key()
    record = key_record(key, "p", created_ns=NOON_NS)._replace(**facts)
    await storage.create_key(record)
    return f"Bearer {key}", record.id


def test_new_keys_differ_in_hint_and_digest() -> None:
    key = new_key()
    record = key_record(key, "p", created_ns=1)
    assert key.startswith("pulse_sk_")
    assert record.digest == hashlib.sha256(key.encode()).digest()
    assert record.hint == f"{key[:13]}…{key[-4:]}"
    assert key not in repr(record)


@pytest.mark.parametrize("scopes", [set[str](), {"admin"}, {"read", "write"}])
def test_unknown_scopes_are_refused(scopes: set[str]) -> None:
    with pytest.raises(ValueError, match="ingest, read"):
        key_record(new_key(), "p", created_ns=1, scopes=scopes)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (basic("pulse", "abc"), "abc"),
        (basic("", "a:b"), "a:b"),
        ("Bearer%20abc", "abc"),
        ("bearer%20%20abc%20", "abc"),
        (basic("pulse", "abc?>").replace(" ", "%20").replace("=", "%3D"), "abc?>"),
        ("Bearer%2520abc", None),
        ("Bearer%20", None),
        ("%20abc", None),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic %%%", None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        (basic("abc", ""), None),
        ("Digest abc", None),
        ("abc", None),
        ("", None),
        (None, None),
        ("Bearer " + "x" * 600, None),
    ],
)
def test_credentials_are_bearer_tokens_or_basic_passwords(header: str | None, key: str | None) -> None:
    assert credential(header) == key


async def test_key_is_accepted_for_its_scopes_only(storage: Store) -> None:
    header, key_id = await stored_key(storage, scopes=frozenset({READ}))
    ring = KeyRing(storage)
    assert (await ring.check(header, READ)).id == key_id
    with pytest.raises(ScopeMissing, match="'ingest'"):
        await ring.check(header, INGEST)


@pytest.mark.parametrize(
    "facts", [{"revoked_ns": 1}, {"expires_ns": 1}, {"digest": key_digest("another key")}]
)
async def test_revoked_expired_and_unknown_keys_are_refused_alike(
    storage: Store, facts: dict[str, object]
) -> None:
    header, _ = await stored_key(storage, **facts)
    with pytest.raises(KeyRefused) as refused:
        await KeyRing(storage).check(header, READ)
    assert str(refused.value) == ""


async def test_keys_are_cached_until_the_ttl(storage: Store) -> None:
    header, key_id = await stored_key(storage)
    patient, forgetful = KeyRing(storage, ttl_s=60), KeyRing(storage, ttl_s=-1)
    for ring in (patient, forgetful):
        await ring.check(header, READ)
    assert patient.check_cached(header, READ) is not None
    assert forgetful.check_cached(header, READ) is None
    await storage.revoke_key("p", key_id, NOON_NS)
    await patient.check(header, READ)
    with pytest.raises(KeyRefused):
        await forgetful.check(header, READ)


async def test_unknown_keys_are_cached(storage: Store) -> None:
    ring = KeyRing(storage, ttl_s=60)
    assert ring.check_cached("Bearer guess", READ) is None
    with pytest.raises(KeyRefused):
        await ring.check("Bearer guess", READ)
    with pytest.raises(KeyRefused):
        ring.check_cached("Bearer guess", READ)


async def test_cache_of_unknown_keys_is_bounded(storage: Store) -> None:
    ring = KeyRing(storage, ttl_s=60, capacity=3)
    for guess in range(9):
        with pytest.raises(KeyRefused):
            await ring.check(f"Bearer {guess}", READ)
    assert ring.check_cached("Bearer 5", READ) is None
    with pytest.raises(KeyRefused):
        ring.check_cached("Bearer 8", READ)


async def test_closed_store_is_not_a_refusal(storage: Store) -> None:
    header, _ = await stored_key(storage)
    await storage.close()
    with pytest.raises(StoreUnavailable):
        await KeyRing(storage).check(header, READ)


async def test_time_of_use_is_stored_once_a_minute(storage: Store) -> None:
    header, key_id = await stored_key(storage)
    ring = KeyRing(storage)

    async def last_used() -> int | None:
        return next(key.last_used_ns for key in await storage.list_keys("p") if key.id == key_id)

    await ring.check(header, READ)
    assert await last_used() is None
    await ring.flush_used()
    first = await last_used()
    assert first is not None
    await ring.check(header, READ)
    await ring.flush_used()
    assert await last_used() == first


async def test_cached_key_stays_valid_for_seconds_while_the_store_hangs(
    storage: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, _ = await stored_key(storage)
    now_s = 100.0
    monkeypatch.setattr("pulse_storage.runtime.lookup_cache.monotonic", lambda: now_s)
    ring, forgetful = KeyRing(storage, ttl_s=2.0), KeyRing(storage, ttl_s=-1)
    for each in (ring, forgetful):
        await each.check(header, READ)
    await storage.close()
    now_s = 104.4
    assert ring.check_cached(header, READ) is None
    assert (await ring.check(header, READ)).project_id == "p"
    for each, carried in ((forgetful, header), (ring, f"Bearer {new_key()}")):
        with pytest.raises(StoreUnavailable):
            await each.check(carried, READ)
    now_s = 104.6
    with pytest.raises(StoreUnavailable):
        await ring.check(header, READ)
