"""Session, user, tags, environment and release under the names of every library."""

from __future__ import annotations

import orjson
import pytest
from tests.support.spans import chat_span, row_of, span

from pulse_collector.facts.metadata import is_secret

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
SCOPES = ("", "opentelemetry.instrumentation.openai_v2", "openinference.instrumentation.openai", "ai", "shop")


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.conversation.id",
        "session.id",
        "gen_ai.session.id",
        "gen_ai.thread.id",
        "conversation.id",
        "langfuse.session.id",
        "langwatch.thread.id",
        "mastra.metadata.sessionId",
        "traceloop.association.properties.session_id",
        "lmnr.association.properties.session_id",
    ],
)
def test_sessions_have_many_names(scope: str, key: str) -> None:
    assert row_of(span({**CALL, key: "s1"}), scope=scope).session_id == "s1"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "key",
    [
        "user.id",
        "enduser.id",
        "gen_ai.user.id",
        "langfuse.user.id",
        "langwatch.user.id",
        "mastra.metadata.userId",
        "traceloop.association.properties.user_id",
        "lmnr.association.properties.user_id",
    ],
)
def test_users_have_many_names(scope: str, key: str) -> None:
    assert row_of(span({**CALL, key: "u1"}), scope=scope).user_id == "u1"


@pytest.mark.parametrize("scope", SCOPES)
def test_langfuse_names_are_read_on_spans_of_others(scope: str) -> None:
    row = row_of(
        span(
            {
                **CALL,
                "langfuse.trace.tags": ["x", "y"],
                "langfuse.environment": "stg",
                "langfuse.release": "9",
                "langfuse.trace.metadata.plan": "pro",
            }
        ),
        scope=scope,
    )
    assert (row.tags, row.environment, row.release) == (("x", "y"), "stg", "9")
    assert orjson.loads(row.metadata or "")["plan"] == "pro"


def test_resource_completes_what_its_spans_lack() -> None:
    resource = {
        "session.id": "s1",
        "user.id": "u1",
        "langfuse.environment": "stg",
        "langfuse.release": "9",
        "langfuse.trace.tags": ["x"],
    }
    row = row_of(span(CALL), resource=resource)
    assert (row.session_id, row.user_id, row.tags) == ("s1", "u1", ("x",))
    assert (row.environment, row.release) == ("stg", "9")
    own = row_of(chat_span(), resource=resource)
    assert (own.session_id, own.user_id) == ("session-1", "user-1")


def test_names_and_ids_of_keys_are_not_secrets() -> None:
    row = row_of(
        span(
            {
                **CALL,
                "metadata.user_api_key": "sk-1",
                "metadata.user_api_key_hash": "ab12",
                "metadata.user_api_key_user_id": "ada",
                "metadata.user_api_key_end_user_id": "cust-7",
                "metadata.user_api_key_team_id": "team-4",
                "metadata.user_api_key_team_alias": "Blue",
                "metadata.user_api_key_alias": "shop",
                "metadata.user_api_key_org_id": "org-2",
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert row.user_id == "cust-7"
    assert orjson.loads(row.metadata or "")["attributes"] == {
        "metadata.user_api_key_user_id": "ada",
        "metadata.user_api_key_team_id": "team-4",
        "metadata.user_api_key_team_alias": "Blue",
        "metadata.user_api_key_alias": "shop",
        "metadata.user_api_key_org_id": "org-2",
    }


@pytest.mark.parametrize(
    "key", ["api_key", "apikey", "openai.api_key", "user_api_key", "metadata.user_api_key_hash", "x-api-key"]
)
def test_keys_are_secrets(key: str) -> None:
    assert is_secret(key)
