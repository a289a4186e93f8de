"""`session(id)` and `capture_content(mode)`: set facts or the content mode for a block or a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from pulse_instrumentation.content import ContentMode
from pulse_instrumentation.content_override import content_context
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.session_facts import SessionFacts, session_context
from pulse_instrumentation.settings import content_mode
from pulse_instrumentation.work.scopes import ContextScope


def session(
    session_id: str | None = None,
    *,
    user_id: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    baggage: bool = False,
) -> ContextScope:
    """Set the session, user, tags and metadata of every model call that starts in a block or a function.

    `with pulse.session("chat-42", user_id="u1"):`, `async with`, or a decorator
    (`@pulse.session("chat-42")`) on functions, coroutines, generators and asynchronous generators.
    Sessions nest: the inner ids replace the outer ones, tags are added, metadata is merged by key. A
    stream keeps the session in which its call started, wherever it is read.

    Args:
        session_id: The conversation, as `session.id` and `gen_ai.conversation.id` of the spans.
        user_id: The user, as `user.id`.
        tags: Texts, as `pulse.tags`. A single text is one tag.
        metadata: Further facts, each as `pulse.metadata.{key}`; a value that is not a text, number or
            boolean is recorded as JSON.
        baggage: Send both ids to other services in OpenTelemetry's baggage, and take an id that is not
            given from the baggage of the current context.

    Never raises: facts that cannot be read are reported in the log once, and the block runs without them.
    """
    try:
        given = (tags,) if isinstance(tags, str) else tuple(tags)
        facts = SessionFacts(session_id, user_id, given, dict(metadata or {}), baggage)
    except Exception as error:
        report_failure("session()", error)
        facts = SessionFacts()
    return ContextScope(partial(session_context, facts), "session()")


def capture_content(mode: bool | ContentMode) -> ContextScope:
    """Set how much content is recorded of the calls that start in a block or a function.

    A context manager and decorator like `session()`. Replaces the mode of `init()`, the instrumentor and
    the client.

    Args:
        mode: `True` or `"full"`, `"metadata"`, `False` or `"off"`, as for `init(capture_content=...)`. An
            unknown mode records no content.
    """
    chosen = content_mode(mode, default="off")
    return ContextScope(partial(content_context, chosen), "capture_content()")
