"""`opentelemetry-instrument python app.py`: an unmodified application, configured by variables only."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.serving import Serving, serving

ROOT = Path(__file__).parents[2]
APPLICATION = textwrap.dedent(
    """
    from tests.support.llm_bodies import chat_chunks, completion, message
    from tests.support.llm_clients import anthropic_client, openai_client
    from tests.support.llm_http import FakeProvider, event_answer, json_answer

    asked = [{"role": "user", "content": "Hi"}]
    provider = FakeProvider(json_answer(completion()), event_answer(chat_chunks("Hel", "lo"), done=True))
    chat = openai_client(provider).chat.completions
    print(chat.create(model="gpt-4o", messages=asked).choices[0].message.content)
    print(len(list(chat.create(model="gpt-4o", messages=asked, stream=True))))
    claude = anthropic_client(FakeProvider(json_answer(message()))).messages
    print(claude.create(model="claude", max_tokens=1, messages=asked).content[0].text)
    """
)


def pulse_variables(server: Serving) -> dict[str, str]:
    """Return Pulse's variables, for its own exporter without a distribution of OpenTelemetry."""
    return {
        "PULSE_API_KEY": server.key,
        "PULSE_API_URL": server.exports["OTEL_EXPORTER_OTLP_ENDPOINT"],
        "OTEL_TRACES_EXPORTER": "none",
    }


def otel_variables(server: Serving) -> dict[str, str]:
    """Return the variables of the server's `export` lines, for the exporter of `opentelemetry-distro`."""
    return {
        **server.exports,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }


@pytest.mark.parametrize("variables", [pulse_variables, otel_variables])
@pytest.mark.slow
def test_calls_of_an_unmodified_application_are_recorded(
    tmp_path: Path, variables: Callable[[Serving], dict[str, str]]
) -> None:
    with serving(tmp_path / "data") as server:
        assert run_application(tmp_path, variables(server)) == ["Hello", "5", "Hello"]
        rows = recorded(server)
        assert [(row["provider"], row["model_used"]) for row in rows] == [
            ("openai", "gpt-4o-2024-08-06"),
            ("openai", "gpt-4o-2024-08-06"),
            ("anthropic", "claude-test-1"),
        ]
        assert [(row["input_tokens"], row["output_tokens"]) for row in rows] == [(11, 7), (11, 7), (2109, 12)]
        # OpenTelemetry does not capture content by default.
        assert "Hello" not in str([server.get(f"/v1/traces/{row['trace_id']}") for row in rows])


@pytest.mark.slow
def test_variables_of_opentelemetry_are_used(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        run_application(
            tmp_path,
            pulse_variables(server)
            | {
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "pulse_openai",
            },
        )
        (row,) = recorded(server)
        assert row["provider"] == "anthropic"
        assert "Hello" in str(server.get(f"/v1/traces/{row['trace_id']}"))


def run_application(directory: Path, variables: dict[str, str]) -> list[str]:
    """Run the application with the given variables only; return its output."""
    program = directory / "app.py"
    program.write_text(APPLICATION)
    without = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PULSE_"))}
    done = subprocess.run(
        [Path(sys.executable).with_name("opentelemetry-instrument"), sys.executable, program],
        env={
            **without,
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split()


def recorded(server: Serving) -> list[dict[str, Any]]:
    """Return the recorded calls, oldest first."""
    return sorted(server.get("/v1/traces")["traces"], key=lambda row: str(row["timestamp"]))
