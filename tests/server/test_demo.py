"""`pulse demo` shows the calls that its program made, with the provider's tokens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from tests.server.serving import run_pulse

from pulse_server.cli import main


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """Return the JSON of one run, with environment variables that must not affect it."""
    environ = {**os.environ, "OTEL_SDK_DISABLED": "true", "PULSE_API_KEY": "no key", "OPENAI_BASE_URL": "x"}
    ended = run_pulse("demo", "--json", environ=environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@pytest.mark.slow
def test_every_call_is_recorded_once_in_its_session(shown: dict[str, Any]) -> None:
    calls = [
        (row["session_id"], row["user_id"], row["operation"], row["provider"]) for row in shown["traces"]
    ]
    assert calls == [
        *[("support-1042", "ana", "chat", "openai")] * 4,
        *[("machines-7", "ben", "embeddings", "openai")] * 2,
        *[("machines-7", "ben", "chat", "openai")] * 2,
        *[("campaign-winter", "ana", "chat", "anthropic")] * 3,
        ("campaign-winter", "ana", "chat", "openrouter"),
    ]
    assert [(row["sessionId"], row["calls"]) for row in shown["sessions"]] == [
        ("support-1042", 4),
        ("machines-7", 4),
        ("campaign-winter", 4),
    ]


@pytest.mark.slow
def test_tokens_equal_those_of_the_provider(shown: dict[str, Any]) -> None:
    provider = shown["provider"]
    groups = shown["analytics"]["costOverTime"]
    assert sum(group["inputTokens"] for group in groups) == provider["inputTokens"]
    assert sum(group["outputTokens"] for group in groups) == provider["outputTokens"]
    assert sum(group["calls"] for group in groups) == provider["calls"] == 12
    assert sum(group["errors"] for group in groups) == provider["errors"] == 1


@pytest.mark.slow
def test_cached_prompt_is_counted_and_priced_as_cached(shown: dict[str, Any]) -> None:
    written, read, streamed = [row for row in shown["traces"] if row["provider"] == "anthropic"]
    cached = written["cache_write_tokens"]
    assert cached > 1024
    assert [row["cache_read_tokens"] for row in (read, streamed)] == [cached, cached]
    assert read["input_tokens"] > cached
    # Dollars per million tokens: input 3, cached input 0.3, output 15.
    plain = read["input_tokens"] - cached
    cents = (plain * 3 + cached * 0.3 + read["output_tokens"] * 15) / 10_000
    assert read["cost_cents"] == pytest.approx(cents)


@pytest.mark.slow
def test_cost_reported_by_openrouter_is_kept(shown: dict[str, Any]) -> None:
    (row,) = [row for row in shown["traces"] if row["provider"] == "openrouter"]
    tokens = row["input_tokens"] + row["output_tokens"]
    assert (row["cost_source"], row["cost_cents"]) == ("reported", pytest.approx(tokens * 0.000_04))


@pytest.mark.slow
def test_refused_call_is_an_error_without_tokens_and_cost(shown: dict[str, Any]) -> None:
    (row,) = [row for row in shown["traces"] if row["status"] == "error"]
    assert row["error"]["type"] == "RateLimitError"
    assert "429" in row["error"]["message"]
    assert (row["input_tokens"], row["output_tokens"], row["cost_cents"]) == (None, None, None)


@pytest.mark.slow
def test_streams_have_a_time_to_first_token(shown: dict[str, Any]) -> None:
    streamed = [row for row in shown["traces"] if row["time_to_first_token_ms"] is not None]
    assert [row["session_id"] for row in streamed] == ["support-1042", "campaign-winter"]
    assert all(0 < row["time_to_first_token_ms"] < row["latency_ms"] for row in streamed)


@pytest.mark.slow
def test_costs_of_rows_sum_to_the_total(shown: dict[str, Any]) -> None:
    total = sum(row["cost_cents"] or 0 for row in shown["traces"])
    assert shown["analytics"]["totalCost"] == pytest.approx(total)
    assert sum(session["cost"] for session in shown["sessions"]) == pytest.approx(total)
    assert [row["cost_cents"] for row in shown["traces"]].count(None) == 1


def test_demo_without_the_clients_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As for a package that is not installed.
    monkeypatch.setitem(sys.modules, "anthropic", None)
    assert main(["demo"]) == 1
    assert capsys.readouterr() == (
        "",
        "pulse: the demo needs the openai and anthropic clients and pulse-instrumentation;"
        " in a checkout run: pip install ./instrumentation '.[demo]'\n",
    )


def _heed_ctrl_c() -> None:
    """Restore SIGINT, which a shell sets to ignored for background processes and their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_demo_with_keep_serves_until_ctrl_c_and_prints_tables() -> None:
    command = [sys.executable, "-m", "pulse_server", "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c) as process:
        try:
            assert process.stdout is not None
            printed: list[str] = []
            while not printed or not printed[-1].startswith(("Press Ctrl-C", "pulse: ")):
                printed.append(process.stdout.readline())
                assert printed[-1], "the process ended early"
            text = "".join(printed)
            assert all(title in text for title in ("Calls", "Sessions", "Analytics by model"))
            curl = re.search(r"curl -H 'Authorization: Bearer (\S+)' '(\S+)'", text)
            assert curl is not None
            assert re.search(r"http://127\.0\.0\.1:\d+/#in=[\w-]{22}$", text, re.MULTILINE)
            key, address = curl.groups()
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert len(json.load(answer)["traces"]) == 3
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            with pytest.raises(urllib.error.URLError):
                urllib.request.urlopen(request, timeout=10)
        finally:
            process.kill()
