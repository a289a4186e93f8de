"""What is printed once a server is ready, for every way to start one."""

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
def test_an_address_is_one_that_a_client_can_use(host: str, address: str) -> None:
    assert url(host, 3000) == address


def test_without_a_known_key_it_says_where_to_get_one() -> None:
    listening = Listening(main=3000, otlp_http=None, otlp_grpc=None, ingest=True, query=True)
    lines = banner(read_settings({}), listening, None, "web shop").splitlines()
    assert "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:3000" in lines
    assert "export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20YOUR_KEY" in lines
    assert "Get a key with: pulse keys create 'web shop'" in lines
    lines = banner(read_settings({}), listening, None, None).splitlines()
    assert "Get a key with: pulse projects create default" in lines


def test_a_process_that_only_answers_has_nothing_to_paste() -> None:
    listening = Listening(main=3000, otlp_http=None, otlp_grpc=None, ingest=False, query=True)
    text = banner(read_settings({}), listening, "pulse_sk_x", "default")
    assert "export" not in text
    assert "pulse_sk_x" not in text


def test_data_is_told_by_its_file_and_never_with_a_password() -> None:
    assert store_location("sqlite:////var/lib/pulse.db") == "/var/lib/pulse.db"
    assert store_location("postgresql://a:secret@db/pulse") == "postgresql://a:***@db/pulse"
