"""Ids and names are trimmed, in every attribute and document."""

from __future__ import annotations

import json

import pytest
from tests.support.spans import Value, row_of, span


@pytest.mark.parametrize(
    ("scope", "attributes", "session_id", "user_id", "tags"),
    [
        (
            "",
            {"gen_ai.conversation.id": " s\n", "user.id": "\tu ", "tag.tags": [" a ", " "]},
            "s",
            "u",
            ("a",),
        ),
        (
            "openinference.instrumentation.openai",
            {
                "openinference.span.kind": "LLM",
                "metadata": json.dumps({"session_id": " s ", "user_id": " u\n"}),
                "tag.tags": json.dumps([" a "]),
            },
            "s",
            "u",
            ("a",),
        ),
        (
            "openinference.instrumentation.openai",
            {"openinference.span.kind": "LLM", "llm.invocation_parameters": json.dumps({"user": " u "})},
            None,
            "u",
            (),
        ),
        (
            "openinference.instrumentation.openai",
            {
                "openinference.span.kind": "LLM",
                "llm.invocation_parameters": json.dumps({"user": " "}),
                "metadata": json.dumps({"session_id": "\n", "thread_id": " t "}),
            },
            "t",
            None,
            (),
        ),
        (
            "langfuse-sdk",
            {
                "langfuse.observation.type": "generation",
                "langfuse.session.id": " s ",
                "langfuse.user.id": " u ",
                "langfuse.trace.tags": [" a "],
            },
            "s",
            "u",
            ("a",),
        ),
        (
            "langsmith",
            {
                "langsmith.span.kind": "llm",
                "langsmith.metadata.session_id": " s ",
                "langsmith.metadata.user_id": " u ",
                "langsmith.span.tags": " a , b ",
            },
            "s",
            "u",
            ("a", "b"),
        ),
        (
            "opentelemetry.instrumentation.openai",
            {
                "llm.request.type": "chat",
                "traceloop.association.properties.session_id": " s ",
                "traceloop.association.properties.user_id": " u ",
            },
            "s",
            "u",
            (),
        ),
    ],
)
def test_ids_are_trimmed(
    scope: str,
    attributes: dict[str, Value],
    session_id: str | None,
    user_id: str | None,
    tags: tuple[str, ...],
) -> None:
    row = row_of(span(attributes), scope=scope)
    assert (row.session_id, row.user_id, row.tags) == (session_id, user_id, tags)


def test_names_of_a_resource_are_trimmed() -> None:
    resource: dict[str, Value] = {
        "service.name": " shop ",
        "deployment.environment.name": " prod\n",
        "service.version": " 1 ",
    }
    row = row_of(span({"gen_ai.operation.name": "chat"}), resource=resource)
    assert (row.service, row.environment, row.release) == ("shop", "prod", "1")
