"""The histograms of the gen_ai conventions: duration, tokens and time to first chunk, once per call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider
from opentelemetry.util.types import AttributeValue

from pulse_instrumentation import attributes as names

# The bucket boundaries that the conventions recommend.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

_DIMENSIONS = (
    names.OPERATION_NAME,
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.ERROR_TYPE,
)


class CallMetrics:
    """Duration, tokens and time to first chunk of the calls of one recorder."""

    def __init__(self, provider: MeterProvider | None, scope: str, version: str) -> None:
        self._provider = provider
        meter = metrics.get_meter(scope, version, meter_provider=provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Duration of a model call",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens used by a model call",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to the first chunk of a streamed model call",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )

    @property
    def collected(self) -> bool:
        """Whether metrics are collected: false with the API's proxy or no-op provider."""
        # The proxy of an instrument is checked first: `get_meter_provider()` reads the environment each time.
        if getattr(self._duration, "_real_instrument", self._duration) is None:
            return False
        provider = self._provider or metrics.get_meter_provider()
        return _collects(type(provider))

    def record(self, attributes: Mapping[str, AttributeValue], duration_s: float) -> None:
        """Record one finished call from the attributes of its span."""
        dimensions = {name: attributes[name] for name in _DIMENSIONS if name in attributes}
        self._duration.record(duration_s, dimensions)
        first_chunk = attributes.get(names.RESPONSE_TIME_TO_FIRST_CHUNK)
        if isinstance(first_chunk, float):
            self._first_chunk.record(first_chunk, dimensions)
        for kind, name in (("input", names.USAGE_INPUT_TOKENS), ("output", names.USAGE_OUTPUT_TOKENS)):
            tokens = attributes.get(name)
            if isinstance(tokens, int):
                self._tokens.record(tokens, {**dimensions, names.TOKEN_TYPE: kind})


@lru_cache(maxsize=32)
def _collects(provider_class: type) -> bool:
    return not provider_class.__module__.startswith("opentelemetry.metrics")
