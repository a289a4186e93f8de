"""The banner that `pulse serve` prints when it is ready."""

from __future__ import annotations

import pytest

from pulse_server.banner import Listening, banner, store_location, url
from pulse_server.settings import read_settings


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),
        ("::", "http://[::1]:3000"),
        ("pulse.local", "http://pulse.local:3000"),
    ],
)
def test_url_is_reachable_from_this_machine(host: str, address: str) -> None:
    assert url(host, 3000) == address


def test_banner_without_a_key_names_the_command_that_creates_one() -> None:
    listening = Listening(main=3000, otlp_http=None, otlp_grpc=None, ingest=True, query=True)
    lines = banner(read_settings({}), listening, None, "web shop").splitlines()
    assert "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:3000" in lines
    assert "export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20YOUR_KEY" in lines
    assert "Get a key with: pulse keys create 'web shop'" in lines
    lines = banner(read_settings({}), listening, None, None).splitlines()
    assert "Get a key with: pulse projects create default" in lines


def test_banner_of_the_query_role_has_no_export_lines() -> None:
    listening = Listening(main=3000, otlp_http=None, otlp_grpc=None, ingest=False, query=True)
    text = banner(read_settings({}), listening, "pulse_sk_x", "default")
    assert "export" not in text
    assert "pulse_sk_x" not in text


def test_banner_shows_the_data_location_without_password() -> None:
    assert store_location("sqlite:////var/lib/pulse.db") == "/var/lib/pulse.db"
    assert store_location("postgresql://a:secret@db/pulse") == "postgresql://a:***@db/pulse"
