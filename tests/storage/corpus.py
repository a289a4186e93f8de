"""A few hundred spans of many kinds, the same ones for every seed."""

from __future__ import annotations

from random import Random
from uuid import UUID

from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, batch_span, span, step

from pulse_storage import SpanRow
from pulse_storage.content.bodies import pack

_MODELS = ("gpt-5", "gpt-5-mini", "claude-5", "text-embedding-3", None)
_TEXTS = (None, "Hello World", "100% sure_thing", "Ärger mit Öl", "back\\slash", "日本", "x" * 500)
#: Texts as nested values, escaped in each way that JSON knows; and names of fields, which are no texts.
_DOCUMENTS = (
    b'{"model": "m", "messages": [{"role": "user", "content": [{"text": "The WORLD\\nof \\"tea\\""}]}]}',
    b'{"hello": 1, "all": ["\\u00c4rger mit \\u00d6L", "\\/", "Said \\"No\\"", "a\\nB", "\\ud83d\\ude00"]}',
    '{"text": "BACK\\\\SLASH, 日本, Naïve 😀, 100%", "more": [[["x\\u0000y"]], null, 1.5, true]}'.encode(),
    b'{"broken": "\\ud83d alone", "world": {}}',
    b"{}",
)


def corpus(seed: int, *, project_id: str = "p", traces: int = 80) -> list[SpanRow]:
    """Traces of one to six spans over five days around noon, with wrappers, errors, gaps and batch rows."""
    random = Random(seed)
    rows: list[SpanRow] = []
    for trace in range(1, traces + 1):
        if random.random() < 0.15:
            rows.append(_batch_row(random, project_id))
            continue
        size = random.choice((1, 1, 2, 3, 6))
        numbers = [trace * 10 + index for index in range(size)]
        start_ns = NOON_NS + random.randrange(-2 * DAY_NS, 3 * DAY_NS)
        for index, number in enumerate(numbers):
            make = span if index == size - 1 or random.random() < 0.5 else step
            parent = random.choice(numbers[:index]) if index and random.random() < 0.9 else None
            row = make(number, trace=trace, parent=parent, project_id=project_id)
            row = row._replace(start_ns=start_ns + index * random.choice((1, 1_000, 7_000_000, HOUR_NS // 5)))
            rows.append(_vary(random, row))
    random.shuffle(rows)
    return rows


def varied_corpus(seed: int, *, project_id: str = "p") -> list[SpanRow]:
    """Return a corpus of 150 traces that also varies in release, finish reason, error type and cost source.

    `corpus` itself must not change: stores of released versions were filled with it.
    """
    random = Random(seed)
    return [
        row._replace(
            release=random.choice((None, "1.0", "1.1")),
            finish_reason=random.choice((None, "stop", "length")) if row.model_call else None,
            error_type=random.choice((None, "RateLimitError", "Timeout")) if row.status == "error" else None,
            cost_source=None if row.cost_nano_usd is None else random.choice(("reported", "computed")),
        )
        for row in corpus(seed, project_id=project_id, traces=150)
    ]


def _vary(random: Random, row: SpanRow) -> SpanRow:
    failed = random.random() < 0.15
    text = random.choice(_TEXTS)
    has_bodies = random.random() < 0.5
    row = row._replace(
        latency_ms=random.choice((None, 0.0, 0.4, random.lognormvariate(6, 2))),
        provider=random.choice(("openai", "anthropic", "openrouter", None)),
        status="error" if failed else "success",
        error_type="RateLimitError" if failed else None,
        session_id=random.choice((None, None, "s1", "s2")),
        user_id=random.choice((None, "u1", "u2")),
        tags=random.choice(((), ("beta",), ("beta", "x%y"))),
        service=random.choice((None, "shop", "search")),
        environment=random.choice((None, "prod", "dev")),
        scope=random.choice(("client", "framework")),
        provider_request_id=random.choice((None, None, f"r{row.otel_trace_id[-1]}")),
        input_preview=text,
        output_preview=random.choice(_TEXTS),
        output_text=pack(random.choice((b"long answer", "LONG ärger".encode())))
        if has_bodies and text
        else None,
        request_body=pack(random.choice(_DOCUMENTS)) if has_bodies else None,
        response_body=pack(b'{"id": "r"}') if has_bodies and not failed else None,
    )
    if not row.model_call:
        return row
    model = random.choice(_MODELS)
    return row._replace(
        operation=random.choice(("chat", "chat", "embeddings")),
        model_requested=model,
        model_used=random.choice((None, f"{model}-2025" if model else None)),
        input_tokens=random.choice((None, 0, random.randrange(5000))),
        output_tokens=random.choice((None, 0, random.randrange(900))),
        cost_nano_usd=random.choice((None, random.randrange(10**9))),
    )


def _batch_row(random: Random, project_id: str) -> SpanRow:
    row = batch_span(UUID(int=random.getrandbits(128), version=4), project_id=project_id)
    return _vary(random, row)._replace(start_ns=NOON_NS + random.randrange(-2 * DAY_NS, 3 * DAY_NS))
