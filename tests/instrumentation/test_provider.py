"""The recorded provider and server: by argument, else by client class, else by host."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import completion, message, response
from tests.support.llm_clients import anthropic_client, openai_client
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
CLAUDE: dict[str, Any] = {"model": "claude-test", "max_tokens": 1, "messages": CHAT["messages"]}


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", ("openai", "api.openai.com", 443)),
        ("https://eu.api.openai.com/v1", ("openai", "eu.api.openai.com", 443)),
        ("https://openrouter.ai/api/v1", ("openrouter", "openrouter.ai", 443)),
        ("https://api.groq.com/openai/v1", ("groq", "api.groq.com", 443)),
        ("https://api.deepseek.com", ("deepseek", "api.deepseek.com", 443)),
        ("https://api.mistral.ai/v1", ("mistral_ai", "api.mistral.ai", 443)),
        ("https://api.x.ai/v1", ("x_ai", "api.x.ai", 443)),
        ("https://me.openai.azure.com/openai/v1", ("azure.ai.openai", "me.openai.azure.com", 443)),
        (
            "https://bedrock-mantle.us-east-1.api.aws/openai/v1",
            ("aws.bedrock", "bedrock-mantle.us-east-1.api.aws", 443),
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
            ("gcp.vertex_ai", "us-central1-aiplatform.googleapis.com", 443),
        ),
        ("https://x.elb.amazonaws.com/v1", ("openai", "x.elb.amazonaws.com", 443)),
        ("https://not-openrouter.ai/v1", ("openai", "not-openrouter.ai", 443)),
        ("http://localhost:8000/v1", ("openai", "localhost", 8000)),
        ("http://llm.internal/v1", ("openai", "llm.internal", 80)),
    ],
)
def test_provider_is_found_by_host(instrumented: Recorded, base_url: str, expected: Any) -> None:
    openai_client(FakeProvider(json_answer(completion())), base_url=base_url).chat.completions.create(**CHAT)
    assert who(instrumented) == expected


def who(recorded: Recorded) -> tuple[Any, ...]:
    attributes = recorded.attributes
    return tuple(attributes[n] for n in ("gen_ai.provider.name", "server.address", "server.port"))


def test_provider_argument_precedes_the_host(recorded: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())), base_url="http://proxy:9/v1")
    pulse.observe(client, "openrouter", tracer_provider=recorded.provider).chat.completions.create(**CHAT)
    assert who(recorded) == ("openrouter", "proxy", 9)


def test_changed_base_url_changes_the_server(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(2))))
    client.chat.completions.create(**CHAT)
    client.base_url = "https://openrouter.ai/api/v1"
    client.chat.completions.create(**CHAT)
    names = [span.attributes["gen_ai.provider.name"] for span in instrumented.spans]
    assert names == ["openai", "openrouter"]


def test_azure_client_has_the_deployment_as_model(instrumented: Recorded) -> None:
    provider = FakeProvider(json_answer(completion()))
    client = openai.AzureOpenAI(
        api_key="test",
        api_version="2024-10-21",
        azure_endpoint="https://gateway.example.com",
        http_client=provider.sync_client(),
    )
    client.chat.completions.create(**CHAT)
    assert who(instrumented) == ("azure.ai.openai", "gateway.example.com", 443)
    assert provider.requests[0].url.path == "/openai/deployments/gpt-4o/chat/completions"
    assert instrumented.only.name == "chat gpt-4o"


def test_anthropic_client_behind_another_host_is_anthropic(instrumented: Recorded) -> None:
    client = anthropic_client(FakeProvider(json_answer(message())), base_url="http://gateway:8080")
    client.messages.create(**CLAUDE)
    assert who(instrumented) == ("anthropic", "gateway", 8080)


@pytest.mark.skipif(not hasattr(anthropic, "AnthropicFoundry"), reason="needs a client for Foundry")
def test_foundry_client_is_azure(instrumented: Recorded) -> None:
    provider = FakeProvider(json_answer(message()))
    client = anthropic.AnthropicFoundry(
        api_key="test", resource="shop", http_client=provider.sync_client(), max_retries=0
    )
    client.messages.create(**CLAUDE)
    assert who(instrumented)[0] == "azure.ai.inference"


def test_vertex_client_is_vertex_and_recorded_once(instrumented: Recorded) -> None:
    pytest.importorskip("google.auth", reason="needs google-auth")
    provider = FakeProvider(json_answer(message()), json_answer(message()))
    from anthropic.lib.vertex import AnthropicVertex

    client = AnthropicVertex(
        region="us-east5", project_id="p", access_token="t", http_client=provider.sync_client()
    )
    client.messages.create(**CLAUDE)
    client.beta.messages.create(**CLAUDE)
    assert [span.attributes["gen_ai.provider.name"] for span in instrumented.spans] == ["gcp.vertex_ai"] * 2


def test_bedrock_client_is_bedrock_and_recorded_once(instrumented: Recorded) -> None:
    pytest.importorskip("botocore", reason="needs botocore")
    from anthropic.lib.bedrock import AnthropicBedrock

    provider = FakeProvider(json_answer(message()), json_answer(message()))
    client = AnthropicBedrock(
        aws_region="us-east-1",
        aws_access_key="a",
        aws_secret_key="s",
        http_client=provider.sync_client(),
    )
    client.messages.create(**CLAUDE)
    client.beta.messages.create(**CLAUDE)
    assert [span.attributes["gen_ai.provider.name"] for span in instrumented.spans] == ["aws.bedrock"] * 2
    # A signed request must not be changed by another instrumentation of the HTTP library.
    assert not any("traceparent" in request.headers for request in provider.requests)


@pytest.mark.skipif(not hasattr(openai, "BedrockOpenAI"), reason="needs a client for Bedrock")
def test_bedrock_client_of_openai_is_bedrock(instrumented: Recorded) -> None:
    provider = FakeProvider(json_answer(completion()), json_answer(response()))
    client = openai.BedrockOpenAI(
        api_key="test", aws_region="us-east-1", http_client=provider.sync_client(), max_retries=0
    )
    client.chat.completions.create(**CHAT)
    client.responses.create(model="gpt-4o", input="Hi")
    assert [span.attributes["gen_ai.provider.name"] for span in instrumented.spans] == ["aws.bedrock"] * 2
