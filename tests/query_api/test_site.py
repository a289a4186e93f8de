"""Host names and cross-site requests: what the pages, `/sign-in` and `/p/…` refuse, and `/v1` does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.query_api.browsers import WebApp, web_app
from tests.query_api.support import Tenant, new_tenant

from pulse_storage.engines import Store

_PUBLIC_URL = "https://ops.example/pulse"
_PATHS = ["/", "/p/x", "/p/x/calls", "/p/x/v1/traces", "/p/x/v1/unknown", "/sign-in", "/assets/x.js"]


@pytest.fixture
def web(storage: Store) -> Iterator[WebApp]:
    """The application with pages and a public URL, over an empty store."""
    app = web_app(storage, public_url=_PUBLIC_URL)
    with TestClient(app.app):
        yield app


@pytest.fixture
def shop(client: TestClient, storage: Store) -> Tenant:
    """A project with one key."""
    return new_tenant(client, storage, "shop")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "ops.example.evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "pulse:3000",
        "",
        "localhost:",
        "[::1",
        "[evil]",
        "1.2.3",
    ],
)
def test_other_host_name_gets_421_naming_the_setting(web: WebApp, host: str) -> None:
    for path in _PATHS:
        response = web.browser().get(path, {"Host": host})
        assert (response.status_code, response.headers["content-type"]) == (421, "application/problem+json")
        assert "PULSE_PUBLIC_URL" in response.json()["detail"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:3000", "192.168.1.7:80", "[::1]:3000", "[fe80::1]", "localhost"),
        *("LocalHost:1", "ops.example", "OPS.example", "ops.example:8443"),
    ],
)
def test_ip_address_localhost_and_public_host_are_served(web: WebApp, host: str) -> None:
    for path in ("/p/x/v1/traces", "/sign-in"):
        assert web.browser().get(path, {"Host": host}).status_code == 401


def test_v1_is_served_under_every_host_name_and_to_every_site(web: WebApp, shop: Tenant) -> None:
    headers = {**shop.headers, "Host": "pulse-service:3000", "Sec-Fetch-Site": "cross-site"}
    for path in ("/v1/traces", "/health"):
        assert web.browser().get(path, headers).status_code == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none", "", "same-origin, same-origin"])
def test_request_of_another_site_with_the_cookie_is_refused(web: WebApp, shop: Tenant, site: str) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    traces = f"/p/{shop.project_id}/v1/traces"
    own = {"Origin": "http://127.0.0.1:3000"}
    for path in (traces, "/sign-in", f"/p/{shop.project_id}/v1/unknown"):
        response = browser.get(path, {"Sec-Fetch-Site": site} | own)
        assert (response.status_code, response.json()["status"]) == (403, 403), path
    headers = {"Sec-Fetch-Site": site} | own
    assert browser.client.post("/sign-in", json={"key": shop.key}, headers=headers).status_code == 403
    assert browser.client.delete("/sign-in", headers=headers).status_code == 403
    assert browser.get(traces).status_code == 200
    # The shell has no data: links from other sites open it.
    assert browser.get(f"/p/{shop.project_id}/calls", {"Sec-Fetch-Site": site}).status_code != 403


@pytest.mark.parametrize(
    ("url", "origin", "status"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000", 204),
        ("http://192.168.1.7", "http://192.168.1.7", 204),
        ("https://ops.example", "https://ops.example", 204),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3001", 403),
        ("http://127.0.0.1:3000", "https://127.0.0.1:3000", 403),
        ("http://127.0.0.1:3000", "http://localhost:3000", 403),
        ("http://127.0.0.1:3000", "null", 403),
        ("https://ops.example", "http://ops.example", 403),
        ("http://127.0.0.1:3000", None, 403),
    ],
)
def test_change_without_sec_fetch_site_needs_the_own_origin(
    web: WebApp, shop: Tenant, url: str, origin: str | None, status: int
) -> None:
    client = web.browser(url).client
    headers = {} if origin is None else {"Origin": origin}
    assert client.post("/sign-in", json={"key": shop.key}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("public_url", "origin", "cookie"),
    [
        ("https://ops.example", "https://ops.example", "__Host-pulse"),
        ("https://ops.example:443/", "https://ops.example", "__Host-pulse"),
        ("https://ops.example/team-a/pulse", "https://ops.example", "__Host-pulse_team_a_pulse"),
        ("https://[::1]:8443", "https://[::1]:8443", "__Host-pulse_8443"),
        ("https://[::1]:8443/pulse", "https://[::1]:8443", "__Host-pulse_8443_pulse"),
        ("http://ops.example/pulse", "http://ops.example", "pulse_80_pulse"),
        ("http://ops.example/pulse", "http://127.0.0.1:3000", "pulse_3000"),
    ],
)
def test_servers_of_one_host_have_cookies_of_different_names(
    storage: Store, shop: Tenant, public_url: str, origin: str, cookie: str
) -> None:
    client = web_app(storage, public_url=public_url).browser(origin).client
    response = client.post("/sign-in", json={"key": shop.key}, headers={"Origin": origin})
    assert response.status_code == 204
    assert response.headers["set-cookie"].startswith(f"{cookie}=")
    assert client.get("/sign-in").status_code == 200


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_host_header_with_default_port_has_the_origin_without_it(
    storage: Store, shop: Tenant, scheme: str, port: int
) -> None:
    origin = f"{scheme}://ops.example"
    client = web_app(storage, public_url=origin).browser(origin).client
    headers = {"Origin": origin, "Host": f"ops.example:{port}"}
    assert client.post("/sign-in", json={"key": shop.key}, headers=headers).status_code == 204


@pytest.mark.parametrize("path", ["/sign-in%0A", "/sign-in/", "/sign-in%2F"])
def test_path_variants_of_sign_in_are_refused_to_other_sites(web: WebApp, shop: Tenant, path: str) -> None:
    browser = web.browser()
    headers = {"Sec-Fetch-Site": "cross-site"}
    response = browser.client.post(path, json={"key": shop.key}, headers=headers)
    assert (response.status_code in (403, 404), response.cookies) == (True, {})
    assert browser.client.delete(path, headers=headers).status_code in (403, 404)


def test_export_without_a_path_is_answered_under_every_host_name(web: WebApp) -> None:
    client = web.browser("http://pulse:3000").client
    assert client.post("/").status_code == 404
    assert client.get("/").status_code == 421


def test_method_without_a_route_gets_405(web: WebApp) -> None:
    for method in ("TRACE", "QUERY", "PUT"):
        assert web.browser().client.request(method, "/sign-in").status_code == 405


def test_read_without_sec_fetch_site_is_served(web: WebApp, shop: Tenant) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    assert browser.client.get(f"/p/{shop.project_id}/v1/traces").status_code == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST", "DELETE"])
def test_no_response_has_cors_headers(web: WebApp, shop: Tenant, method: str) -> None:
    browser = web.browser()
    browser.sign_in(key=shop.key)
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    for path in ("/", "/sign-in", f"/p/{shop.project_id}/v1/traces", "/v1/traces"):
        response = browser.client.request(method, path, headers=headers)
        assert not [name for name in response.headers if name.startswith("access-control-")], path
