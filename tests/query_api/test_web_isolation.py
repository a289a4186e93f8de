"""Web sessions over every route: each route is of a known kind, and no session reads a foreign project."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.query_api.browsers import COOKIE, URL, Browser, WebApp, web_app
from tests.query_api.support import Tenant, new_tenant, visible_id
from tests.storage.sql_backends import SqlBackend

from pulse_query_api.app import read_routes
from pulse_query_api.auth import AdminKey, AdminRoute, KeyRoute, ReadAccess
from pulse_server.app import build_apps
from pulse_server.settings import read_settings
from pulse_storage.engines import Store
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import KeyRing
from pulse_web.session_access import SessionAccess
from pulse_web.session_ring import NotSignedIn, SessionRing, secret_digest
from pulse_web.sign_in import SignInRoute

#: The shell and its files have no data, and the rest are the same for every client.
_PUBLIC = {
    *("/health", "/ready", "/openapi.json"),
    *("/", "/p/{project}", "/p/{project}/{page:path}", "/assets/{name}"),
}
#: Routes of the collector, which check keys or sessions themselves: the tests of the collector have them.
_OF_THE_COLLECTOR = {
    *("/v1/traces", "/v1/logs", "/v1/metrics", "/v1/traces/batch", "/v1/explain"),
    "/p/{project}/v1/explain",
}


def _kind(route: Route) -> str:
    match route:
        case KeyRoute(access=ReadAccess()) if route.path.startswith("/v1/") or route.path == "/metrics":
            return "key"
        case KeyRoute(access=SessionAccess()) if route.path.startswith("/p/{project}/v1/"):
            return "session"
        case AdminRoute() if route.path.startswith("/admin/"):
            return "admin"
        case SignInRoute():
            return "sign-in"
        case _ if route.path in _PUBLIC and route.methods == {"GET", "HEAD"}:
            return "public"
        case _ if route.path.removesuffix("/") in _OF_THE_COLLECTOR and route.methods == {"POST"}:
            return "collector"
        case _:
            return f"unknown: {route!r}"


def test_every_route_of_the_server_is_of_a_known_kind(storage: Store, tmp_path: Path) -> None:
    apps = build_apps(read_settings({"PULSE_DATA_DIR": str(tmp_path)}), storage, None)
    routes = [route for route in apps.main.routes if isinstance(route, Route)]
    assert len(routes) == len(apps.main.routes)
    kinds = {kind: {route.path for route in routes if _kind(route) == kind} for kind in map(_kind, routes)}
    assert set(kinds) == {"key", "session", "admin", "sign-in", "public", "collector"}
    # Every route that reads a project is there for both, and a route for keys only is /metrics.
    assert {f"/p/{{project}}{path}" for path in kinds["key"] - {"/metrics"}} == kinds["session"]
    apps.close()


def test_pages_come_after_the_routes_for_sessions(storage: Store, tmp_path: Path) -> None:
    apps = build_apps(read_settings({"PULSE_DATA_DIR": str(tmp_path)}), storage, None)
    kinds = [_kind(route) for route in apps.main.routes if isinstance(route, Route)]
    paths = [route.path for route in apps.main.routes if isinstance(route, Route)]
    last = max(at for at, kind in enumerate(kinds) if kind == "session")
    assert last < paths.index("/p/{project}/{page:path}")
    assert paths.index("/p/{project}/v1/explain") < paths.index("/p/{project}/{page:path}")
    apps.close()


@pytest.fixture
def web(storage: Store) -> Iterator[WebApp]:
    """The application with pages over an empty store."""
    app = web_app(storage)
    with TestClient(app.app):
        yield app


@pytest.fixture
def owner(client: TestClient, storage: Store) -> Tenant:
    """A project with a call."""
    return _owner(client, storage)


def _owner(client: TestClient, storage: Store) -> Tenant:
    owner = new_tenant(client, storage, "owner")
    owner.store([owner.call(1, session_id="s", user_id="u"), owner.call(2), owner.call(3)])
    return owner


@pytest.fixture
def stranger(client: TestClient, storage: Store) -> Tenant:
    """A project without calls."""
    return new_tenant(client, storage, "stranger")


def _twins(storage: Store, owner: Tenant) -> list[str]:
    """Return an address of every read route, as the session's twin of it has it, in the owner's project."""
    routes = read_routes(storage, ReadAccess(KeyRing(storage)))
    paths = [route.path for route in routes if isinstance(route, KeyRoute)]
    assert len(paths) == len(routes) > 3
    ids = {"trace_id": visible_id(owner.call(1)), "session_id": "s"}
    return [
        f"/p/{owner.project_id}" + re.sub(r"{(\w+)(:\w+)?}", lambda name: ids.get(name[1], "x"), path)
        for path in paths
    ]


def _signed_in(web: WebApp, tenant: Tenant) -> Browser:
    browser = web.browser()
    assert browser.sign_in(key=tenant.key).status_code == 204
    return browser


def test_twin_of_a_route_gives_the_answer_of_the_route(web: WebApp, owner: Tenant) -> None:
    browser = _signed_in(web, owner)
    row = visible_id(owner.call(1))
    for path, parameters in (
        ("/v1/traces", {"limit": "2"}),
        ("/v1/traces", {"user_id": "u"}),
        (f"/v1/traces/{row}", {}),
        ("/v1/sessions/s", {"bodies": "true"}),
        ("/v1/analytics", {"date_from": "2026-11-23", "date_to": "2026-11-24"}),
    ):
        twin = browser.get(f"/p/{owner.project_id}{path}", None, **parameters)
        assert twin.status_code == 200, twin.text
        assert twin.json() == owner.get(path, **parameters)


def test_next_link_of_a_list_stays_below_the_project(web: WebApp, owner: Tenant) -> None:
    browser = _signed_in(web, owner)
    prefix = f"/p/{owner.project_id}/v1/traces?"
    url, found = f"{prefix}limit=1", 0
    while url:
        response = browser.get(url)
        found += len(response.json()["traces"])
        url = response.links.get("next", {}).get("url", "")
        assert url.startswith(prefix) or not url
    assert found == 3


def test_every_twin_needs_a_session_of_the_project(
    web: WebApp, storage: Store, owner: Tenant, stranger: Tenant
) -> None:
    mine, theirs, nothing = _signed_in(web, owner), _signed_in(web, stranger), web.browser()
    for path in _twins(storage, owner):
        assert nothing.get(path).status_code == 401, path
        # A key is no session, and a session is no key.
        assert nothing.get(path, owner.headers).status_code == 401, path
        foreign = theirs.get(path)
        assert (foreign.status_code, foreign.headers["content-type"]) == (404, "application/problem+json")
        unknown = theirs.get(path.replace(owner.project_id, str(UUID(int=1))))
        assert unknown.json() == foreign.json()
        assert mine.get(path.removeprefix(f"/p/{owner.project_id}")).status_code == 401, path
        # Access is decided before parameters are read.
        assert theirs.get(path, nonsense="1").status_code == 404
        answer = mine.get(path)
        assert answer.status_code in (200, 400, 404), path
        assert answer.text != foreign.text, path


def test_ids_and_cursors_of_another_project_give_no_foreign_rows(
    web: WebApp, owner: Tenant, stranger: Tenant
) -> None:
    mine, theirs = _signed_in(web, owner), _signed_in(web, stranger)
    own = f"/p/{stranger.project_id}/v1"
    assert theirs.get(f"{own}/traces/{visible_id(owner.call(1))}").status_code == 404
    assert theirs.get(f"{own}/sessions/s").json()["traces"] == []
    link = mine.get(f"/p/{owner.project_id}/v1/traces", limit=1).links["next"]["url"]
    response = theirs.get(link.replace(owner.project_id, stranger.project_id))
    assert response.status_code == 400 or response.json()["traces"] == []


def test_twins_answer_an_invalid_parameter_with_problem_details(web: WebApp, owner: Tenant) -> None:
    response = _signed_in(web, owner).get(f"/p/{owner.project_id}/v1/traces", nonsense="1")
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("value", ["", "unknown", "x" * 10_000, "a b"])
def test_unknown_session_is_refused(web: WebApp, owner: Tenant, value: str) -> None:
    headers = {"Cookie": f"{COOKIE}={value}"}
    for path in (f"/p/{owner.project_id}/v1/traces", "/sign-in"):
        assert web.browser().get(path, headers).status_code == 401


def test_expired_session_is_refused(web: WebApp, storage: Store, owner: Tenant) -> None:
    browser = _signed_in(web, owner)
    session = asyncio.run(storage.web_session(secret_digest(browser.secret)))
    assert session is not None
    expired = session._replace(expires_ns=time.time_ns())
    asyncio.run(storage.put_web_session(expired, replaces=session.digest))
    assert browser.get(f"/p/{owner.project_id}/v1/traces").status_code == 401
    assert browser.session is None


def test_session_that_reads_all_projects_reads_no_unknown_one(web: WebApp, owner: Tenant) -> None:
    browser = web.browser()
    browser.sign_in(admin_key="an-admin-key-of-more-than-32-characters")
    assert browser.get(f"/p/{owner.project_id}/v1/traces").status_code == 200
    for project in (str(UUID(int=1)), "owner", "%20", "x" * 2_000):
        assert browser.get(f"/p/{project}/v1/traces").status_code == 404


def test_session_of_another_process_is_accepted_and_ended(
    web: WebApp, backend: SqlBackend, store_folder: Path, owner: Tenant
) -> None:
    browser = _signed_in(web, owner)
    storage = backend.open(store_folder)
    other = web_app(storage)
    with TestClient(other.app):
        there = other.browser()
        there.client.cookies.set(COOKIE, browser.secret)
        path = f"/p/{owner.project_id}/v1/traces"
        assert len(there.get(path).json()["traces"]) == 3
        [key] = asyncio.run(storage.list_keys(owner.project_id))
        asyncio.run(storage.revoke_key(owner.project_id, key.id, 1))
        assert browser.get(path).status_code == there.get(path).status_code == 401
    asyncio.run(storage.close())


def test_revoked_key_ends_the_session_within_the_ttl(
    storage: Store, owner: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = web_app(storage)
    browser = _signed_in(web, owner)
    now_s = 100.0
    monkeypatch.setattr("pulse_storage.runtime.lookup_cache.monotonic", lambda: now_s)
    ring = SessionRing(storage, AdminKey(None))

    async def reads() -> bool:
        try:
            return owner.project_id in (await ring.rights(browser.secret)).scopes
        except NotSignedIn:
            return False

    assert asyncio.run(reads())
    [key] = asyncio.run(storage.list_keys(owner.project_id))
    asyncio.run(storage.revoke_key(owner.project_id, key.id, 1))
    now_s = 101.9
    assert asyncio.run(reads())
    now_s = 102.1
    assert not asyncio.run(reads())


def test_session_is_cached_for_seconds_while_the_store_is_away(
    storage: Store, owner: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = _signed_in(web_app(storage), owner)
    now_s = 100.0
    monkeypatch.setattr("pulse_storage.runtime.lookup_cache.monotonic", lambda: now_s)
    ring = SessionRing(storage, AdminKey(None))
    asyncio.run(ring.rights(browser.secret))
    asyncio.run(storage.close())
    now_s = 104.4
    assert asyncio.run(ring.rights(browser.secret)).scopes
    now_s = 104.6
    with pytest.raises(StoreUnavailable):
        asyncio.run(ring.rights(browser.secret))


def test_explain_answers_sessions_of_the_project_only(
    storage: Store, owner: Tenant, stranger: Tenant, tmp_path: Path
) -> None:
    apps = build_apps(read_settings({"PULSE_DATA_DIR": str(tmp_path)}), storage, None)
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    with TestClient(apps.main, base_url=URL) as client:
        paths = [f"/p/{tenant.project_id}/v1/explain" for tenant in (owner, stranger)]

        def statuses(**changed: str) -> list[int]:
            sent = headers | {name.replace("_", "-"): value for name, value in changed.items()}
            return [
                client.post(path, content=b'{"resourceSpans":[]}', headers=sent).status_code for path in paths
            ]

        assert statuses() == [401, 401]
        assert statuses(Authorization=f"Bearer {owner.key}") == [401, 401]
        assert client.post("/sign-in", json={"key": owner.key}, headers=headers).status_code == 204
        assert statuses() == [200, 404]
        assert statuses(Sec_Fetch_Site="same-site") == [403, 403]
        # Sessions do not ingest.
        for path in ("/v1/traces", "/v1/traces/batch"):
            posted = client.post(f"/p/{owner.project_id}{path}", content=b"{}", headers=headers)
            assert posted.status_code == 405
    apps.close()


def test_keys_and_sessions_share_the_limit_of_a_project(web: WebApp, storage: Store, owner: Tenant) -> None:
    accesses = [
        route.access for route in web.app.routes if isinstance(route, KeyRoute) and route.path != "/metrics"
    ]
    limits = {id(access._concurrency) for access in accesses}  # pyright: ignore
    assert len(accesses) > 6
    assert len(limits) == 1
