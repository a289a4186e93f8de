"""Settings: defaults, options, and errors with the setting's name and the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulse_server.settings import (
    CLIENT_NAMES,
    SETTINGS,
    SettingError,
    hide_password,
    read_settings,
    without_secrets,
)

_KEY = "pulse_sk_01234567-89ab-cdef-0123-456789abcdef"


def test_empty_environment_gives_the_documented_defaults() -> None:
    settings = read_settings({})
    assert (settings.port, settings.otlp_http_port, settings.otlp_grpc_port) == (3000, 4318, 4317)
    assert (settings.host, settings.admin_key, settings.api_key) == ("127.0.0.1", None, None)
    assert (settings.max_body_mib, settings.max_inflight_mib, settings.keep_spans) == (20, 128, "genai")
    assert (settings.log_level, settings.log_format) == ("info", "auto")
    assert settings.database_url == f"sqlite:///{settings.data_dir}/pulse.db"


def test_option_takes_precedence_over_the_environment() -> None:
    assert read_settings({"PORT": "1", "PULSE_HOST": "::1"}, {"PORT": "2"}).port == 2


def test_empty_value_counts_as_unset() -> None:
    assert read_settings({"ADMIN_KEY": "", "PORT": ""}) == read_settings({})


def test_public_url_has_no_slash_at_its_end() -> None:
    assert read_settings({"PULSE_PUBLIC_URL": "https://ops.example/pulse/"}).public_url == (
        "https://ops.example/pulse"
    )
    assert read_settings({}).public_url is None


def test_default_store_is_in_the_data_directory(tmp_path: Path) -> None:
    settings = read_settings({"PULSE_DATA_DIR": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/pulse.db"


@pytest.mark.parametrize("url", ["postgresql://u:p@db:5432/pulse", "postgres:///pulse?host=/run/postgresql"])
def test_postgresql_url_is_accepted(url: str) -> None:
    assert read_settings({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("PORT", "http", "a number from 0 to 65535"),
        ("PORT", "65536", "a number from 0 to 65535"),
        ("PULSE_OTLP_GRPC_PORT", "-1", "a number from 0 to 65535"),
        ("ADMIN_KEY", "short", "at least 32 characters"),
        ("DATABASE_URL", "mysql://root:secret@db/x", "use sqlite:///PATH"),
        ("DATABASE_URL", "pulse.db", "use sqlite:///PATH"),
        ("DATABASE_URL", "sqlite://", "use sqlite:///PATH or postgresql://"),
        ("PULSE_PUBLIC_URL", "ops.example/pulse", "the URL that browsers use"),
        ("PULSE_PUBLIC_URL", "https://", "the URL that browsers use"),
        ("PULSE_PUBLIC_URL", "https://ops.example/?a=b", "more than host and path"),
        ("PULSE_PUBLIC_URL", "https://ops.example/a//b", "letters, digits"),
        ("PULSE_API_KEY", "sk-123", "pulse_sk_<uuid>"),
        ("PULSE_MAX_BODY_MIB", "0", "whole MiB"),
        ("PULSE_MAX_INFLIGHT_MIB", "10", "lower PULSE_MAX_BODY_MIB"),
        ("PULSE_KEEP_SPANS", "some", "genai, all"),
        ("PULSE_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("PULSE_LOG_FORMAT", "xml", "auto, text, json"),
    ],
)
def test_invalid_value_is_an_error_with_setting_and_fix(name: str, value: str, fix: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: .*{re.escape(fix)}") as caught:
        read_settings({name: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("PULSE_PORT", "PORT"),
        ("PULSE_ADMIN_KEY", "ADMIN_KEY"),
        ("PULSE_DATADIR", "PULSE_DATA_DIR"),
        ("PULSE_KEEP_SPAN", "PULSE_KEEP_SPANS"),
    ],
)
def test_unknown_name_is_an_error_with_a_suggestion(wrong: str, right: str) -> None:
    with pytest.raises(SettingError, match=f"^{wrong}: no such setting; did you mean {right}\\?$"):
        read_settings({wrong: "1"})


def test_names_of_the_instrumentation_are_known() -> None:
    folder = Path(__file__).parents[2] / "instrumentation" / "pulse_instrumentation"
    text = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    names = set(re.findall(r"[\"'](PULSE_[A-Z_]+)[\"']", text))
    assert "PULSE_API_URL" in names
    assert names <= CLIENT_NAMES | {setting.name for setting in SETTINGS}


def test_settings_without_secrets_contain_no_secret() -> None:
    secret = "s" * 32
    shown = without_secrets(read_settings({"ADMIN_KEY": secret, "PULSE_API_KEY": _KEY}))
    assert shown.keys() == {setting.name for setting in SETTINGS}
    assert (shown["ADMIN_KEY"], shown["PULSE_API_KEY"]) == ("set", "set")
    assert secret not in str(shown)
    assert _KEY not in str(shown)


def test_database_password_is_hidden() -> None:
    assert hide_password("postgresql://pulse:secret@db:5432/x") == "postgresql://pulse:***@db:5432/x"
    assert hide_password("postgres://pulse:pa@ss/word@db/x") == "postgres://pulse:***@db/x"
    assert hide_password("postgres://db/x?user=u&password=s&sslmode=require") == (
        "postgres://db/x?user=u&password=***&sslmode=require"
    )
    assert hide_password("postgresql://pulse@db/x") == "postgresql://pulse@db/x"
    assert hide_password("sqlite:////var/a:b@c/pulse.db") == "sqlite:////var/a:b@c/pulse.db"
