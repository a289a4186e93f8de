"""Send one batch to Pulse over HTTP and return the outcome."""

from __future__ import annotations

import gzip
import http.client
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO, Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

# Answers are short. The limit protects the application's memory from a hostile server.
MAX_ANSWER_BYTES = 64 * 1024
# The HTTP status codes that OTLP defines as retryable.
_RETRYABLE = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of sending a batch."""

    verdict: Literal["sent", "retry", "refused", "too_large"]
    reason: str = ""
    rejected: int = 0
    """The number of spans that were rejected from a batch that was sent."""
    retry_after_s: float | None = None
    busy: bool = False
    """Whether the collector has answered that it is overloaded."""


class Sender:
    """Posts encoded batches to one URL with one key."""

    def __init__(self, api_url: str, api_key: str | None) -> None:
        self.url = f"{api_url}/v1/traces"
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": "pulse-instrumentation",
        }
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if _is_loopback(api_url):
            # A proxy from the environment cannot reach this machine's loopback interface.
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, body: bytes, timeout_s: float) -> Outcome:
        """Send one encoded ExportTraceServiceRequest. Never raises."""
        try:
            request = urllib.request.Request(
                self.url, gzip.compress(body, compresslevel=1), self._headers, method="POST"
            )
            with self._opener.open(request, timeout=timeout_s) as answer:
                return _success_outcome(_read_bounded(answer, time.monotonic() + timeout_s))
        except urllib.error.HTTPError as error:
            with error:
                return _error_outcome(error, self.url)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                return Outcome("refused", f"the certificate of {self.url} is not trusted: {reason}")
            return Outcome("retry", f"{self.url} cannot be reached: {reason}")
        except ValueError as error:
            return Outcome("refused", f"api_url is no usable address: {error}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which could send the key to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def _is_loopback(url: str) -> bool:
    try:
        host = urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _read_bounded(answer: http.client.HTTPResponse, deadline_s: float) -> bytes:
    """Return the body of an answer, at most `MAX_ANSWER_BYTES` of it and until the deadline."""
    beginning = b""
    while len(beginning) < MAX_ANSWER_BYTES and time.monotonic() < deadline_s:
        piece = answer.read1(MAX_ANSWER_BYTES - len(beginning))
        if not piece:
            break
        beginning += piece
    return beginning


def _success_outcome(answer: bytes) -> Outcome:
    response = ExportTraceServiceResponse()
    try:
        response.ParseFromString(answer)
    except Exception:
        return Outcome("sent")
    rejected = max(response.partial_success.rejected_spans, 0)
    return Outcome("sent", response.partial_success.error_message[:500], rejected)


def _error_outcome(error: urllib.error.HTTPError, url: str) -> Outcome:
    if error.code in _RETRYABLE:
        return Outcome("retry", f"HTTP {error.code}", retry_after_s=_seconds(error), busy=True)
    if error.code == 413:
        return Outcome("too_large", "HTTP 413")
    if error.code in (401, 403):
        return Outcome("refused", f"HTTP {error.code} from {url}: check api_key or PULSE_API_KEY")
    hint = (
        ": api_url or PULSE_API_URL is the address of the server, without a path" if error.code == 404 else ""
    )
    return Outcome("refused", f"HTTP {error.code} from {error.url}{hint}")


def _seconds(error: urllib.error.HTTPError) -> float | None:
    """Return the seconds of `Retry-After` (seconds or a date), at most 300; None if it has neither."""
    value = error.headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    # A comparison with NaN is false.
    return min(seconds, 300.0) if seconds > 0 else 0.0
