"""Content under all of its keys, and previews of spans without text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.support.spans import CHAT, Value, as_json, known_columns, row_of, span

PLAIN = "opentelemetry.instrumentation.genai.openai"


def facts(
    attributes: Mapping[str, Value],
    *,
    scope: str = PLAIN,
    name: str = "chat gpt-4o-mini",
    duration_ms: float = 250.0,
) -> Mapping[str, object]:
    return known_columns(row_of(span(attributes, name=name, duration_ms=duration_ms), scope=scope))


_IMAGE_PARTS: Mapping[str, Value] = {
    "OpenAI's": {"type": "image_url", "image_url": {"url": "https://pulse.test/a.png"}},
    "OpenAI's responses'": {"type": "input_image", "image_url": "https://pulse.test/a.png"},
    "Anthropic's": {"type": "image", "source": {"type": "base64", "data": "aGk="}},
    "Google's": {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
    "Bedrock's": {"image": {"format": "png"}},
    "the conventions'": {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
    "Vercel's": {"type": "file", "mediaType": "image/png"},
    "Pydantic AI's": {"type": "image-url", "url": "https://pulse.test/a.png"},
}


@pytest.mark.parametrize("sender", _IMAGE_PARTS)
def test_an_image_without_text_has_a_preview(sender: str) -> None:
    messages: list[Value] = [
        {"role": "user", "content": "Earlier"},
        {"role": "user", "content": [_IMAGE_PARTS[sender]]},
    ]
    row = facts({**CHAT, "gen_ai.input.messages": as_json(messages)})
    assert row["input_preview"] == "[image]"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ({"type": "input_audio", "input_audio": {"data": "aGk="}}, "[audio]"),
        ({"type": "uri", "modality": "video", "uri": "gs://b/o"}, "[video]"),
        ({"type": "document", "source": {"type": "file", "file_id": "f1"}}, "[document]"),
        ({"type": "input_file", "file_id": "f1"}, "[file]"),
        ({"type": "tool_call_response", "id": "c1", "response": "ok"}, None),
    ],
)
def test_other_media_are_named_too(part: Value, shown: str | None) -> None:
    row = facts({**CHAT, "gen_ai.input.messages": as_json([{"role": "user", "parts": [part]}])})
    assert row.get("input_preview") == shown


def test_image_with_text_does_not_change_the_preview() -> None:
    parts: list[Value] = [{"type": "text", "content": "What is it?"}, {"type": "uri", "modality": "image"}]
    row = facts({**CHAT, "gen_ai.input.messages": as_json([{"role": "user", "parts": parts}])})
    assert row["input_preview"] == "What is it?"


def test_an_answer_in_audio_shows_its_transcript() -> None:
    answer: Value = {"choices": [{"message": {"content": None, "audio": {"id": "a", "transcript": "Yes."}}}]}
    row = facts(
        {"openinference.span.kind": "LLM", "llm.model_name": "gpt-audio", "output.value": as_json(answer)},
        scope="openinference.instrumentation.openai",
    )
    assert row["output_preview"] == "Yes."


def test_end_before_the_start_is_an_unknown_latency() -> None:
    row = row_of(span(CHAT, duration_ms=-3.0), scope=PLAIN)
    assert row.latency_ms is None


_TURNS: list[Value] = [
    {"role": "user", "content": "first question"},
    {"role": "assistant", "content": "first answer"},
    {"role": "user", "content": "last question"},
    {"role": "assistant", "content": "last answer"},
]
_LANGCHAIN_TURNS: list[Value] = [
    {"lc": 1, "type": "constructor", "id": ["schema", kind], "kwargs": {"content": text, "type": "x"}}
    for kind, text in (
        ("HumanMessage", "first question"),
        ("AIMessage", "first answer"),
        ("HumanMessage", "last question"),
        ("AIMessage", "last answer"),
    )
]


@pytest.mark.parametrize(
    ("scope", "attributes", "keys"),
    [
        (
            "openinference.instrumentation.langchain",
            {"openinference.span.kind": "CHAIN"},
            ("input.value", "output.value"),
        ),
        ("langsmith", {"langsmith.span.kind": "chain"}, ("gen_ai.prompt", "gen_ai.completion")),
        (
            "langfuse-sdk",
            {"langfuse.observation.type": "chain"},
            ("langfuse.observation.input", "langfuse.observation.output"),
        ),
        (
            "traceloop.tracer",
            {"traceloop.span.kind": "workflow"},
            ("traceloop.entity.input", "traceloop.entity.output"),
        ),
        ("mlflow", {"mlflow.spanType": as_json("CHAIN")}, ("mlflow.spanInputs", "mlflow.spanOutputs")),
        ("haystack", {}, ("haystack.agent.input", "haystack.agent.output")),
    ],
)
@pytest.mark.parametrize("turns", [_TURNS, _LANGCHAIN_TURNS, [_LANGCHAIN_TURNS]])
def test_chains_show_the_last_question_and_the_last_answer(
    scope: str, attributes: Mapping[str, Value], keys: Sequence[str], turns: Value
) -> None:
    document = as_json({"messages": turns})
    row = facts({**attributes, keys[0]: document, keys[1]: document}, scope=scope, name="haystack.agent.run")
    assert (row["input_preview"], row["output_preview"]) == ("last question", "last answer")


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        (
            PLAIN,
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.call.arguments": as_json({"city": "Ulm"}),
                "gen_ai.tool.call.result": as_json({"celsius": 21}),
            },
        ),
        (
            "openinference.instrumentation.agno",
            {
                "openinference.span.kind": "TOOL",
                "input.value": as_json({"city": "Ulm"}),
                "output.value": as_json({"celsius": 21}),
            },
        ),
        (
            "langfuse-sdk",
            {
                "langfuse.observation.type": "tool",
                "langfuse.observation.input": as_json({"city": "Ulm"}),
                "langfuse.observation.output": as_json({"celsius": 21}),
            },
        ),
        (
            "haystack",
            {
                "haystack.tool.name": "weather",
                "haystack.agent.step.tool.input": as_json({"city": "Ulm"}),
                "haystack.agent.step.tool.output": as_json({"celsius": 21}),
            },
        ),
        # No operation: the attributes are a tool's.
        (
            "my.tools",
            {
                "gen_ai.tool.call.arguments": {"city": "Ulm"},
                "gen_ai.tool.call.result": {"celsius": 21},
            },
        ),
        (
            "my.tools",
            {
                "gen_ai.span.kind": "TOOL",
                "input.value": as_json({"city": "Ulm"}),
                "output.value": as_json({"celsius": 21}),
            },
        ),
    ],
)
def test_tools_show_arguments_and_result(scope: str, attributes: Mapping[str, Value]) -> None:
    row = facts(attributes, scope=scope, name="haystack.agent.step.tool")
    assert (row["operation"], row["model_call"]) == ("execute_tool", False)
    assert (row["input_preview"], row["output_preview"]) == ('{"city":"Ulm"}', '{"celsius":21}')
    assert row["request_body"] == {"city": "Ulm"}
    assert row["response_body"] == {"celsius": 21}
    assert "Ulm" not in str(row["metadata"])


def test_a_long_result_is_cut_and_shows_it() -> None:
    row = facts(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.result": as_json({"text": "x" * 900}),
        }
    )
    shown = row["output_preview"]
    assert isinstance(shown, str)
    assert (len(shown), shown[-1]) == (500, "…")


_QUERY, _FOUND = "dune grass", [{"id": "d1", "content": "marram", "score": 0.9}]


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": _QUERY},
        {"gen_ai.retrieval.query.text": _QUERY},
        {"gen_ai.span.kind": "RETRIEVER", "gen_ai.retrieval.query.text": _QUERY},
    ],
)
def test_retrievals_have_bodies(attributes: Mapping[str, Value]) -> None:
    row = facts({**attributes, "gen_ai.retrieval.documents": as_json(_FOUND)}, scope="my.search")
    assert (row["operation"], row["model_call"], row["input_preview"]) == ("retrieval", False, _QUERY)
    assert row["request_body"] == {"query": _QUERY}
    assert row["response_body"] == {"documents": _FOUND}
    assert "dune" not in str(row["metadata"])


def test_reranks_have_the_query_and_the_documents_as_request() -> None:
    row = facts(
        {
            "openinference.span.kind": "RERANKER",
            "reranker.model_name": "rerank-v3.5",
            "reranker.query": _QUERY,
            "reranker.top_k": 1,
            "reranker.input_documents.0.document.content": "marram",
            "reranker.input_documents.1.document.content": "gravel",
            "reranker.output_documents.0.document.score": 0.91,
        },
        scope="openinference.instrumentation.cohere",
    )
    assert (row["operation"], row["input_preview"]) == ("rerank", _QUERY)
    assert row["request_body"] == {
        "query": _QUERY,
        "documents": [{"document": {"content": "marram"}}, {"document": {"content": "gravel"}}],
        "top_k": 1,
    }
    assert row["response_body"] == {"documents": [{"document": {"score": 0.91}}]}
    assert row["metadata"] == {"scope": {"name": "openinference.instrumentation.cohere"}}


def test_reranks_by_loongsuite() -> None:
    row = known_columns(
        row_of(
            span(
                {
                    "gen_ai.operation.name": "rerank",
                    "gen_ai.request.model": "gte-rerank",
                    "gen_ai.rerank.query": _QUERY,
                    "gen_ai.rerank.documents.count": 2,
                    "gen_ai.rerank.input_documents": as_json([{"content": "marram"}, {"content": "gravel"}]),
                    "gen_ai.rerank.output_documents": as_json([{"content": "marram", "score": 0.91}]),
                }
            )
        )
    )
    assert row["request_body"] == {
        "query": _QUERY,
        "documents": [{"content": "marram"}, {"content": "gravel"}],
    }
    assert row["response_body"] == {"documents": [{"content": "marram", "score": 0.91}]}
    assert row["metadata"] == {"attributes": {"gen_ai.rerank.documents.count": 2}}


def test_reranks_by_the_vercel_sdk() -> None:
    row = facts(
        {
            "ai.operationId": "ai.rerank.doRerank",
            "ai.model.id": "rerank-v3.5",
            "ai.query": _QUERY,
            "ai.documents": [as_json("marram"), as_json("gravel")],
            "ai.ranking": [as_json({"index": 1, "relevanceScore": 0.9})],
        },
        scope="ai",
    )
    assert row["request_body"] == {"query": _QUERY, "documents": ["marram", "gravel"]}
    assert row["response_body"] == {"ranking": [{"index": 1, "relevanceScore": 0.9}]}


def test_completions_of_openinference_have_their_texts() -> None:
    row = facts(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-3.5-turbo-instruct",
            "llm.prompts.0.prompt.text": "Once upon",
            "llm.choices.0.completion.text": " a time",
            "llm.choices.1.completion.text": " a hill",
        },
        scope="openinference.instrumentation.openai",
    )
    assert (row["operation"], row["input_preview"], row["output_preview"]) == (
        "text_completion",
        "Once upon",
        " a time",
    )
    assert "a hill" in str(row["response_body"])
    assert "a time" not in str(row["metadata"])
