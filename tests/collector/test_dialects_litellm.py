"""Golden rows of facts that LiteLLM writes into other attributes than other dialects."""

from __future__ import annotations

from base64 import b64encode

from tests.support.spans import known_columns, row_of, span


def test_litellm_response_ids_contain_the_providers_id() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "responses",
                "llm.request.type": "responses",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "resp_"
                + b64encode(b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_7").decode(),
                "gen_ai.response.finish_reasons": '["completed"]',
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "resp_7",
        "dialect": "litellm",
        "scope": "litellm",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "litellm"}},
    }
