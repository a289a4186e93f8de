"""`pulse demo`: the numbers that it shows are those of the calls that it made."""

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
    """What one run read back, beside an environment that must not reach it."""
    environ = {**os.environ, "OTEL_SDK_DISABLED": "true", "PULSE_API_KEY": "no key", "OPENAI_BASE_URL": "x"}
    ended = run_pulse("demo", "--json", environ=environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


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


def test_tokens_are_what_the_provider_counted(shown: dict[str, Any]) -> None:
    provider = shown["provider"]
    groups = shown["analytics"]["costOverTime"]
    assert sum(group["inputTokens"] for group in groups) == provider["inputTokens"]
    assert sum(group["outputTokens"] for group in groups) == provider["outputTokens"]
    assert sum(group["calls"] for group in groups) == provider["calls"] == 12
    assert sum(group["errors"] for group in groups) == provider["errors"] == 1


def test_the_prompt_that_was_cached_is_counted_whole_and_priced_as_cached(shown: dict[str, Any]) -> None:
    written, read, streamed = [row for row in shown["traces"] if row["provider"] == "anthropic"]
    cached = written["cache_write_tokens"]
    assert cached > 1024
    assert [row["cache_read_tokens"] for row in (read, streamed)] == [cached, cached]
    assert read["input_tokens"] > cached
    # 3 $ a million tokens of input, a tenth of that from the cache, 15 $ of output.
    plain = read["input_tokens"] - cached
    cents = (plain * 3 + cached * 0.3 + read["output_tokens"] * 15) / 10_000
    assert read["cost_cents"] == pytest.approx(cents)


def test_openrouters_own_price_is_kept(shown: dict[str, Any]) -> None:
    (row,) = [row for row in shown["traces"] if row["provider"] == "openrouter"]
    tokens = row["input_tokens"] + row["output_tokens"]
    assert (row["cost_source"], row["cost_cents"]) == ("reported", pytest.approx(tokens * 0.000_04))


def test_the_refused_call_is_an_error_without_numbers(shown: dict[str, Any]) -> None:
    (row,) = [row for row in shown["traces"] if row["status"] == "error"]
    assert row["error"]["type"] == "RateLimitError"
    assert "429" in row["error"]["message"]
    assert (row["input_tokens"], row["output_tokens"], row["cost_cents"]) == (None, None, None)


def test_streams_know_when_their_first_token_came(shown: dict[str, Any]) -> None:
    streamed = [row for row in shown["traces"] if row["time_to_first_token_ms"] is not None]
    assert [row["session_id"] for row in streamed] == ["support-1042", "campaign-winter"]
    assert all(0 < row["time_to_first_token_ms"] < row["latency_ms"] for row in streamed)


def test_costs_add_up(shown: dict[str, Any]) -> None:
    total = sum(row["cost_cents"] or 0 for row in shown["traces"])
    assert shown["analytics"]["totalCost"] == pytest.approx(total)
    assert sum(session["cost"] for session in shown["sessions"]) == pytest.approx(total)
    assert [row["cost_cents"] for row in shown["traces"]].count(None) == 1


def test_without_the_real_clients_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the import system finds for a package that is not installed.
    monkeypatch.setitem(sys.modules, "anthropic", None)
    assert main(["demo"]) == 1
    assert capsys.readouterr() == (
        "",
        "pulse: the demo needs the openai and anthropic clients and pulse-instrumentation;"
        " in a checkout run: pip install ./instrumentation '.[demo]'\n",
    )


def _heed_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and so do these tests' children then."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_kept_it_answers_until_ctrl_c_and_shows_tables() -> None:
    command = [sys.executable, "-m", "pulse_server", "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c) as process:
        try:
            assert process.stdout is not None
            printed: list[str] = []
            while not printed or not printed[-1].startswith(("Press Ctrl-C", "pulse: ")):
                printed.append(process.stdout.readline())
                assert printed[-1], "it ended before it was asked to"
            text = "".join(printed)
            assert all(title in text for title in ("Calls", "Sessions", "Analytics by model"))
            curl = re.search(r"curl -H 'Authorization: Bearer (\S+)' '(\S+)'", text)
            assert curl is not None
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
