"""Measures the CPU of mapping a span to a row, and of the parts that libraries or the content determine.

    python -m benchmarks.mapping [--quick] [--rounds 200]

Two kinds of spans: `small` has 18 attributes of the conventions and no content; `mixed` is 60 % spans with
1.5 KB, 30 % with 8 KB and 10 % with 50 KB of messages. The columns are microseconds per span, each the
minimum of its rounds; the rounds of all columns alternate, so that a busy machine slows all equally:

all       everything from the bytes of a request to its rows
decode    minimum: protobuf's parser, then one pass that makes Python values of all attributes
json      parsing the messages of the content and writing them into bodies
pack      cutting requests into the parts that they share, zstd over bodies and long texts
price     the cost of a call, by the price list
map       `all` minus the columns before: dialects, columns, usage, metadata, the row
custom    not part of `all`: `price` with a hundred custom prices, one of which matches the model
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.spans import chat_span, trace_request

from benchmarks.quick import add_quick_option
from pulse_collector.facts.attributes import read_attributes
from pulse_collector.facts.usage import Usage
from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_list import warm_up
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import pack_document, unpack_document
from pulse_storage.price_document import PriceDocument, PriceEntry
from pulse_storage.rows import SpanRow

_SPANS = 50
_RECEIVED_NS = 1_795_400_000_000_000_000
_MIX_CHARS = (1_500, 1_500, 8_000, 1_500, 1_500, 8_000, 1_500, 50_000, 1_500, 8_000)
_CONTENT_KEYS = ("gen_ai.input.messages", "gen_ai.output.messages")
_COLUMNS = ("all", "decode", "json", "pack", "price")


def main() -> None:
    """Print a table of CPU microseconds per span."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    add_quick_option(parser, rounds=1)
    rounds = parser.parse_args().rounds
    warm_up()
    print(f"{'us of CPU per span':<20}" + "".join(f"{column:>8}" for column in (*_COLUMNS, "map", "custom")))
    for name, chars in (("small", ()), ("mixed", _MIX_CHARS)):
        us = _least_us(_parts(_request(chars)), rounds)
        *us, custom = us
        rest = us[0] - sum(us[1:])
        print(f"{name:<20}" + "".join(f"{value:>8.1f}" for value in (*us, rest, custom)))


def _parts(body: bytes) -> list[Callable[[], object]]:
    """Return the measured functions in the order of `_COLUMNS`, then the one of `custom`."""
    request = ExportTraceServiceRequest.FromString(body)
    rows = map_spans("p", request, _RECEIVED_NS).rows
    contents = _contents(request)
    requests = [
        (unpack_document(row.request_body), row.start_ns) for row in rows if row.request_body is not None
    ]
    answers = [
        unpack_document(body)
        for row in rows
        for body in (row.response_body, row.output_text)
        if body is not None
    ]

    custom = _custom_prices(rows[0].model_requested or "")

    def packed() -> None:
        for document, start_ns in requests:
            pack_document(document, "p", start_ns)
        for document in answers:
            pack(document)

    return [
        lambda: map_spans("p", ExportTraceServiceRequest.FromString(body), _RECEIVED_NS),
        lambda: _read(ExportTraceServiceRequest.FromString(body)),
        lambda: [_through_json(content) for content in contents],
        packed,
        lambda: [_price(row, LIST_PRICES) for row in rows],
        lambda: [_price(row, custom) for row in rows],
    ]


def _request(chars: tuple[int, ...]) -> bytes:
    """Return a request of spans whose contents have these numbers of characters, cyclically."""
    spans = [
        chat_span(span_id=index + 1, **(_content(chars[index % len(chars)]) if chars else {}))
        for index in range(_SPANS)
    ]
    return trace_request(*spans).SerializeToString()


def _content(chars: int) -> dict[str, str]:
    words = "Write about the weather in Paris, and what to wear tomorrow. "
    question = (words * (chars // len(words) + 1))[:chars]
    questions = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    answers = [{"role": "assistant", "parts": [{"type": "text", "content": words}], "finish_reason": "stop"}]
    return dict(
        zip(_CONTENT_KEYS, (orjson.dumps(questions).decode(), orjson.dumps(answers).decode()), strict=True)
    )


def _read(request: ExportTraceServiceRequest) -> None:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                read_attributes(span.attributes)


def _contents(request: ExportTraceServiceRequest) -> list[str]:
    return [
        pair.value.string_value
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        for pair in span.attributes
        if pair.key in _CONTENT_KEYS
    ]


def _through_json(content: str) -> bytes:
    orjson.loads(content)
    return orjson.dumps({"messages": orjson.Fragment(content)})


def _custom_prices(model: str) -> Prices:
    """Return prices with a hundred patterns, one of which matches the model."""
    names = [*(f"house-{number}-*" for number in range(99)), f"{model}*"]
    entries = [PriceEntry(model=name, input=1.1, output=8.8, cache_read=0.11) for name in names]
    return Prices(CustomPrices(PriceDocument(prices=entries), "prices.toml"))


def _price(row: SpanRow, prices: Prices) -> object:
    usage = Usage(row.input_tokens, row.output_tokens, row.cache_read_tokens)
    models = (row.model_used, row.model_requested)
    return prices.price(provider=row.provider, models=models, usage=usage, start_ns=row.start_ns)


def _least_us(parts: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the minimum CPU time of each part in microseconds per span; rounds of the parts alternate."""
    least = [float("inf")] * len(parts)
    for _ in range(rounds):
        for index, part in enumerate(parts):
            began = time.process_time()
            part()
            least[index] = min(least[index], time.process_time() - began)
    return [seconds / _SPANS * 1e6 for seconds in least]


if __name__ == "__main__":
    main()
