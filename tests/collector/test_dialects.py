"""All dialects: how the dialect of a span is chosen, and that each is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulse_collector.dialects import (
    DIALECTS,
    MODEL_OPERATIONS,
    OTHER_OPERATIONS,
    dialect_of_attributes,
    dialect_of_scope,
)
from pulse_collector.facts.metadata import is_secret

DOCS = Path(__file__).parents[2] / "docs" / "dialects.md"


def test_every_dialect_has_a_section_a_row_and_a_snippet() -> None:
    page = DOCS.read_text()
    names = [dialect.name for dialect in DIALECTS]
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == sorted(names)
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for name in names:
        assert "Never sent" in sections[name]
        assert "```" in sections[name]


def test_names_and_scopes_of_dialects_are_unique() -> None:
    names = [dialect.name for dialect in DIALECTS]
    scopes = [scope for dialect in DIALECTS for scope in dialect.scopes]
    assert len(set(names)) == len(names)
    assert len(set(scopes)) == len(scopes)


def test_operations_of_dialects_are_known() -> None:
    named = {operation for dialect in DIALECTS for operation in dialect.kinds.values()}
    assert named - {"unknown", "decision"} <= MODEL_OPERATIONS | OTHER_OPERATIONS
    assert MODEL_OPERATIONS.isdisjoint(OTHER_OPERATIONS)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("opentelemetry.instrumentation.openai.v1", "openllmetry"),
        ("opentelemetry.instrumentation.openai_v2", "otel-genai"),
        ("opentelemetry.instrumentation.genai.openai", "otel-genai"),
        ("com.anthropic.sdk.python", "anthropic-sdk"),
        ("logfire.openai", "logfire"),
        ("ai", "vercel-ai"),
        ("aiohttp", None),
        ("opentelemetry.instrumentation.httpx", None),
        ("shop.web", None),
    ],
)
def test_scope_selects_the_dialect_by_whole_words(scope: str, expected: str | None) -> None:
    spoken = dialect_of_scope(scope)
    assert (spoken and spoken.dialect.name) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("openinference.span.kind", "openinference"),
        ("langfuse.observation.type", "langfuse"),
        ("langsmith.span.kind", "langsmith"),
        ("ai.operationId", "vercel-ai"),
        ("traceloop.span.kind", "traceloop"),
        ("llm.request.type", "openllmetry"),
        ("mlflow.spanType", "mlflow"),
        ("gen_ai.operation.name", "otel-genai"),
        ("http.route", "otel-genai"),
    ],
)
def test_attribute_selects_the_dialect_of_an_unknown_scope(key: str, expected: str) -> None:
    assert dialect_of_attributes({key: "x"}).dialect.name == expected


def test_no_attribute_of_a_dialect_counts_as_a_secret() -> None:
    read = {
        key
        for dialect in DIALECTS
        for keys in (*dialect.texts.values(), *dialect.counts.values(), dialect.tags, dialect.content)
        for key in keys
    }
    assert [key for key in sorted(read) if is_secret(key)] == []
