from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.query_api.browsers import COOKIE, URL, WebApp, web_app
from tests.query_api.support import ADMIN_KEY, Tenant, new_tenant

from pulse_query_api.errors import ApiError
from pulse_storage.engines import Store
from pulse_storage.keys import key_record, new_key
from pulse_storage.rows import SignInToken
from pulse_web.attempts import SignInAttempts
from pulse_web.session_ring import secret_digest
from pulse_web.sign_in_link import sign_in_link

_DAY_S = 24 * 60 * 60


@pytest.fixture
def web(storage: Store) -> Iterator[WebApp]:
    """The application with pages over an empty store."""
    app = web_app(storage)
    with TestClient(app.app):
        yield app


@pytest.fixture
def shop(client: TestClient, storage: Store) -> Tenant:
    """A project with one key."""
    return new_tenant(client, storage, "shop")


@pytest.fixture
def bakery(client: TestClient, storage: Store) -> Tenant:
    """Another project with one key."""
    return new_tenant(client, storage, "bakery")


def _link_token(storage: Store, *, admin: bool = False) -> str:
    link, _ = asyncio.run(sign_in_link(storage, URL, admin=admin))
    assert link.startswith(f"{URL}/#in=")
    return link.partition("#in=")[2]


def test_key_begins_a_session_that_reads_its_project(web: WebApp, shop: Tenant, bakery: Tenant) -> None:
    browser = web.browser()
    assert browser.session is None
    response = browser.sign_in(key=shop.key)
    assert (response.status_code, response.content) == (204, b"")
    session = browser.session
    assert session is not None
    assert session | {"expires_at": ""} == {
        "admin": False,
        "admin_until": None,
        "projects": [{"project_id": shop.project_id, "name": "shop", "scopes": ["read"]}],
        "expires_at": "",
    }
    assert browser.get(f"/p/{shop.project_id}/v1/traces").status_code == 200
    assert browser.get(f"/p/{bakery.project_id}/v1/traces").status_code == 404


def test_cookie_is_http_only_strict_and_named_by_port(web: WebApp, shop: Tenant) -> None:
    response = web.browser().sign_in(key=shop.key)
    name, *attributes = response.headers["set-cookie"].split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert len(name.partition("=")[2]) == 43
    assert set(attributes) == {"HttpOnly", f"Max-Age={30 * _DAY_S}", "Path=/", "SameSite=strict"}
    assert response.headers["cache-control"] == "no-store"


def test_cookie_over_https_is_secure_and_bound_to_the_host(storage: Store, shop: Tenant) -> None:
    web = web_app(storage, public_url="https://ops.example/pulse")
    response = web.browser("https://ops.example").sign_in(key=shop.key)
    name, *attributes = response.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-pulse_pulse=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= set(attributes)
    # Directly, without the proxy, the same server is reached over plain http.
    direct = web.browser().sign_in(key=shop.key)
    assert direct.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert "Secure" not in direct.headers["set-cookie"]


def test_cookie_of_another_port_is_ignored(web: WebApp, shop: Tenant) -> None:
    browser, other = web.browser(), web.browser("http://127.0.0.1:3001")
    browser.sign_in(key=shop.key)
    other.client.cookies.set(COOKIE, browser.secret)
    assert other.session is None


def test_store_has_only_the_digest_of_a_session(web: WebApp, shop: Tenant, storage: Store) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    found = asyncio.run(storage.web_session(secret_digest(browser.secret)))
    assert found is not None
    assert abs(found.expires_ns - time.time_ns() - 30 * _DAY_S * 1e9) < 60e9
    assert asyncio.run(storage.web_session(browser.secret.encode())) is None


def test_further_keys_add_projects_to_the_session(web: WebApp, shop: Tenant, bakery: Tenant) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    first = browser.secret
    browser.sign_in(key=bakery.key)
    assert set(browser.project_ids) == {shop.project_id, bakery.project_id}
    for tenant in (shop, bakery):
        assert browser.get(f"/p/{tenant.project_id}/v1/traces").status_code == 200
    # A new secret each time: a session that was planted in the browser gets no further rights.
    assert browser.secret != first
    planted = web.browser()
    planted.client.cookies.set(COOKIE, first)
    assert planted.session is None


def test_scopes_of_a_session_are_those_of_its_keys(web: WebApp, shop: Tenant, storage: Store) -> None:
    edit = new_key()
    record = key_record(edit, shop.project_id, created_ns=1, scopes=["read", "edit"])
    asyncio.run(storage.create_key(record))
    browser = web.browser()
    browser.sign_in(key=shop.key)
    browser.sign_in(key=edit)
    session = browser.session
    assert session is not None
    assert session["projects"] == [
        {"project_id": shop.project_id, "name": "shop", "scopes": ["edit", "read"]}
    ]


def test_token_begins_one_session_that_reads_all_projects(
    web: WebApp, storage: Store, shop: Tenant, bakery: Tenant
) -> None:
    token = _link_token(storage)
    assert len(token) == 22
    browser = web.browser()
    assert browser.sign_in(token=token).status_code == 204
    assert set(browser.project_ids) == {shop.project_id, bakery.project_id}
    session = browser.session
    assert session is not None
    assert (session["admin"], session["admin_until"]) == (False, None)
    again = web.browser().sign_in(token=token)
    assert again.status_code == 401
    assert "run `pulse open` again" in again.json()["detail"]
    # A project that is created later is read, too; one that is deleted is not.
    asyncio.run(storage.delete_project(shop.project_id))
    assert browser.project_ids == [bakery.project_id]
    assert browser.get(f"/p/{shop.project_id}/v1/traces").status_code == 404


def test_expired_token_is_refused(web: WebApp, storage: Store, shop: Tenant) -> None:
    asyncio.run(storage.put_sign_in_token(SignInToken(secret_digest("old"), True, time.time_ns() - 1)))
    assert web.browser().sign_in(token="old").status_code == 401


def test_admin_token_gives_admin_rights_for_30_minutes(web: WebApp, storage: Store, shop: Tenant) -> None:
    browser = web.browser()
    browser.sign_in(token=_link_token(storage, admin=True))
    session = browser.session
    assert session is not None
    assert session["admin"] is True
    found = asyncio.run(storage.web_session(secret_digest(browser.secret)))
    assert found is not None
    assert found.admin_until_ns is not None
    assert abs(found.admin_until_ns - time.time_ns() - 30 * 60 * 1e9) < 60e9
    _end_admin_rights(storage, browser.secret)
    session = browser.session
    assert session is not None
    assert (session["admin"], session["admin_until"], len(browser.project_ids)) == (False, None, 1)


def _end_admin_rights(storage: Store, secret: str) -> None:
    """Store the session again as it is after its 30 minutes of admin rights."""
    session = asyncio.run(storage.web_session(secret_digest(secret)))
    assert session is not None
    ended = session._replace(admin_until_ns=time.time_ns() - 1)
    asyncio.run(storage.put_web_session(ended, replaces=session.digest))


def test_admin_key_reads_all_projects_while_it_is_the_servers(
    web: WebApp, storage: Store, shop: Tenant, bakery: Tenant
) -> None:
    browser = web.browser()
    assert browser.sign_in(admin_key=ADMIN_KEY).status_code == 204
    session = browser.session
    assert session is not None
    assert session["admin"] is True
    shown = browser.get("/sign-in").json()["projects"]
    assert [project["scopes"] for project in shown] == [["edit", "read"]] * 2
    _end_admin_rights(storage, browser.secret)
    session = browser.session
    assert session is not None
    assert (session["admin"], len(browser.project_ids)) == (False, 2)
    # A further sign-in keeps the rights.
    browser.sign_in(key=shop.key)
    assert len(browser.project_ids) == 2
    for changed in (web_app(storage, admin_key=ADMIN_KEY + "x"), web_app(storage, admin_key=None)):
        other = changed.browser()
        other.client.cookies.set(COOKIE, browser.secret)
        assert other.project_ids == [shop.project_id]
        assert other.get(f"/p/{bakery.project_id}/v1/traces").status_code == 404


def test_further_key_keeps_admin_rights(web: WebApp, shop: Tenant, storage: Store) -> None:
    for credential in ({"admin_key": ADMIN_KEY}, {"token": _link_token(storage, admin=True)}):
        browser = web.browser()
        browser.sign_in(**credential)
        browser.sign_in(key=shop.key)
        session = browser.session
        assert session is not None
        assert session["admin"] is True


def test_admin_key_without_one_configured_names_the_setting(storage: Store) -> None:
    response = web_app(storage, admin_key=None).browser().sign_in(admin_key=ADMIN_KEY)
    assert response.status_code == 403
    assert "ADMIN_KEY" in response.json()["detail"]


@pytest.mark.parametrize("end", ["revoke", "delete the project"])
def test_end_of_a_key_ends_its_access(
    web: WebApp, storage: Store, shop: Tenant, bakery: Tenant, end: str
) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    both = web.browser()
    both.sign_in(key=shop.key)
    both.sign_in(key=bakery.key)
    if end == "revoke":
        [key] = asyncio.run(storage.list_keys(shop.project_id))
        asyncio.run(storage.revoke_key(shop.project_id, key.id, 1))
    else:
        asyncio.run(storage.delete_project(shop.project_id))
    assert browser.session is None
    assert browser.get(f"/p/{shop.project_id}/v1/traces").status_code == 401
    assert both.project_ids == [bakery.project_id]
    assert both.get(f"/p/{shop.project_id}/v1/traces").status_code == 404


def test_expired_key_ends_its_access(web: WebApp, storage: Store, shop: Tenant) -> None:
    key = new_key()
    record = key_record(key, shop.project_id, created_ns=1, expires_ns=time.time_ns() + int(3e12))
    asyncio.run(storage.create_key(record))
    browser = web.browser()
    browser.sign_in(key=key)
    settings = asyncio.run(storage.project_settings(shop.project_id))
    expired = [each._replace(expires_ns=1) for each in settings.keys]
    asyncio.run(storage.put_project_settings(settings._replace(keys=expired)))
    assert browser.session is None


def test_sign_out_ends_the_session_and_deletes_the_cookie(web: WebApp, shop: Tenant) -> None:
    browser, stolen = web.browser(), web.browser()
    browser.sign_in(key=shop.key)
    stolen.client.cookies.set(COOKIE, browser.secret)
    assert stolen.session is not None
    response = browser.sign_out()
    assert response.status_code == 204
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert COOKIE not in browser.client.cookies
    assert browser.session is None
    assert stolen.session is None
    assert browser.sign_out().status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"key": ""}, 400),
        ({"key": 3}, 400),
        ({"key": "a", "token": "b"}, 400),
        ({"password": "a"}, 400),
        ({"key": "x" * 20_000}, 413),
        ({"key": "x" * 10_000}, 401),
        ({"key": f"pulse_sk_{'0' * 8}"}, 401),
        ({"key": "\u00e4\u0000"}, 401),
        ({"token": "unknown"}, 401),
        ({"admin_key": "x" * 40}, 401),
    ],
)
def test_invalid_sign_in_is_refused_with_problem_details(
    web: WebApp, shop: Tenant, body: dict[str, object], status: int
) -> None:
    browser = web.browser()
    response = browser.sign_in(**body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["status"] == status
    assert "set-cookie" not in response.headers
    assert ("www-authenticate" in response.headers) == (status == 401)


def test_key_without_the_scope_read_is_refused(web: WebApp, storage: Store, shop: Tenant) -> None:
    for scopes in (["ingest"], ["edit"]):
        key = new_key()
        asyncio.run(storage.create_key(key_record(key, shop.project_id, created_ns=1, scopes=scopes)))
        response = web.browser().sign_in(key=key)
        assert response.status_code == 403
        assert "'read'" in response.json()["detail"]


def test_failed_sign_in_keeps_the_session(web: WebApp, shop: Tenant) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    assert browser.sign_in(key=new_key()).status_code == 401
    assert browser.project_ids == [shop.project_id]


def test_time_of_last_use_is_stored(web: WebApp, shop: Tenant, storage: Store) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    session = asyncio.run(storage.web_session(secret_digest(browser.secret)))
    assert session is not None
    old = session._replace(last_used_ns=1)
    asyncio.run(storage.put_web_session(old, replaces=old.digest))
    browser.get(f"/p/{shop.project_id}/v1/traces")
    asyncio.run(web.sessions.flush_used())
    found = asyncio.run(storage.web_session(session.digest))
    assert found is not None
    assert found.last_used_ns is not None
    assert found.last_used_ns > session.created_ns


def test_failed_attempts_of_a_peer_are_delayed_and_bounded() -> None:
    async def run() -> None:
        released, waiting = asyncio.Event(), asyncio.Semaphore(0)

        async def sleep(_seconds: float) -> None:
            waiting.release()
            await released.wait()

        attempts = SignInAttempts(max_waiting=2, sleep=sleep)

        async def fail(peer: str) -> int:
            try:
                async with attempts.attempt(peer):
                    raise ApiError(401, "wrong")
            except ApiError as error:
                return error.status

        failing = [asyncio.create_task(fail("a")) for _ in range(2)]
        for _ in failing:
            await waiting.acquire()
        assert await fail("a") == 429
        # A valid credential of the same peer is accepted.
        async with attempts.attempt("a"):
            pass
        other = asyncio.create_task(fail("b"))
        await waiting.acquire()
        released.set()
        assert await asyncio.gather(*failing, other) == [401, 401, 401]
        assert await fail("a") == 401

    asyncio.run(run())
