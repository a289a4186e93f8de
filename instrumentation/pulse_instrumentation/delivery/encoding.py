"""Encode spans as an OTLP request, and estimate their encoded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.types import AttributeValue

from pulse_instrumentation import attributes as names

# Estimated bytes: of the ids, times and kind of a span, and of the framing of each attribute.
_SPAN_BYTES = 600
_ATTRIBUTE_BYTES = 48


def span_size(span: ReadableSpan) -> int:
    """Estimate the encoded size of a span, in bytes."""
    size = _SPAN_BYTES + _attributes_size(span.attributes)
    for event in span.events:
        size += _SPAN_BYTES + _attributes_size(event.attributes)
    return size


class SpanEncoder:
    """Encodes batches. The attributes in `resource` are added to each resource and replace equal keys."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._resource = resource

    def encode(self, spans: list[ReadableSpan]) -> tuple[bytes, list[ReadableSpan]]:
        """Return the encoded request and the spans that it contains: without those that cannot be encoded."""
        try:
            return self._encoded(spans), spans
        except Exception:
            good = [span for span in spans if self._encodable(span)]
            return (self._encoded(good) if good else b""), good

    def encode_without_content(self, span: ReadableSpan) -> bytes | None:
        """Return the encoded request for one span without its content; None if it has no content."""
        request = ExportTraceServiceRequest.FromString(self._encoded([span]))
        encoded = request.resource_spans[0].scope_spans[0].spans[0]
        kept = [attribute for attribute in encoded.attributes if attribute.key not in names.CONTENT]
        if len(kept) == len(encoded.attributes):
            return None
        del encoded.attributes[:]
        too_large = KeyValue(key=names.CONTENT_TOO_LARGE, value=AnyValue(bool_value=True))
        encoded.attributes.extend([*kept, too_large])
        return request.SerializeToString()

    def _encodable(self, span: ReadableSpan) -> bool:
        try:
            self._encoded([span])
        except Exception:
            return False
        return True

    def _encoded(self, spans: Sequence[ReadableSpan]) -> bytes:
        request: ExportTraceServiceRequest = encode_spans(spans)
        if self._resource:
            ours = [
                KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in self._resource.items()
            ]
            for resource_spans in request.resource_spans:
                attributes = resource_spans.resource.attributes
                kept = [attribute for attribute in attributes if attribute.key not in self._resource]
                del attributes[:]
                attributes.extend([*kept, *ours])
        return request.SerializeToString()


def _attributes_size(attributes: Mapping[str, AttributeValue] | None) -> int:
    size = 0
    for value in (attributes or {}).values():
        size += _ATTRIBUTE_BYTES
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, (tuple, list)):
            size += 16 * len(value)
    return size
