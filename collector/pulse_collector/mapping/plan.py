"""Decides by its key what each attribute is used for, once for all spans with the same set of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pulse_collector.dialects import CompiledDialect, dialect_of_attributes, marked
from pulse_collector.dialects.dialect import Dialect, Table, custom_name, is_flattened
from pulse_collector.facts.attributes import Attributes
from pulse_collector.facts.cost_names import BillingTerm, CostPart
from pulse_collector.facts.metadata import is_secret
from pulse_collector.facts.span_facts import TextColumn
from pulse_collector.facts.urls import is_url_key
from pulse_collector.facts.usage_names import CountColumn
from pulse_collector.mapping.number_keys import number_keys
from pulse_collector.mapping.unread import UnreadKind, unread_kind

#: The bound of the cache: an instrumentor writes a few dozen sets of keys. Sets with many or long keys are
#: not cached.
_MAX_PLANS = 2048
_MAX_KEYS = 128
_MAX_KEYS_CHARS = 8 * 1024

#: Attributes with the host or URL of the called service.
_HOST_KEYS = (
    "server.address",
    "gen_ai.openai.api_base",
    "url.full",
    "llm.openai.api_base",
    "openai.api_base",
    "gen_ai.request.base_url",
    "http.url",
    "http.host",
    "net.peer.name",
)
#: Ends of names of further such attributes, in lower case without `_`: `gen_ai.openai.base_url`,
#: `llm.apiBase`.
_BASE_URLS = ("apibase", "baseurl")

_REQUEST_PREFIX = "gen_ai.request."
_NOT_PARAMETERS = frozenset({"model", "is_stream"})

ColumnT = TypeVar("ColumnT")


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A dialect's table restricted to the keys of a span, in each list in order of preference."""

    dialect: Dialect
    table: Table
    texts: tuple[tuple[TextColumn, tuple[str, ...]], ...]
    counts: tuple[tuple[CountColumn, tuple[str, ...]], ...]
    #: Each with the factor that converts it to milliseconds.
    first_token_ms: tuple[tuple[str, int], ...]
    first_token_at: tuple[str, ...]
    cost_usd: tuple[str, ...]
    #: Parts of the cost, used if no total is stated.
    cost_parts: tuple[tuple[CostPart, str], ...]
    #: Terms of billing, the response's before the request's.
    billing: tuple[tuple[BillingTerm, str], ...]
    usage_objects: tuple[str, ...]
    tags: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    hosts: tuple[str, ...]
    #: Keys without a column, for the metadata; secrets are left out.
    rest: tuple[str, ...]
    #: Those of `rest` that are parameters of the request, with the parameter names.
    parameters: tuple[tuple[str, str], ...]
    #: The application's own metadata, with its own names.
    custom: tuple[tuple[str, str], ...]
    #: Parts of flattened content.
    flattened: tuple[str, ...]
    #: Whether an attribute may contain messages, documents or other values that only `read` interprets.
    has_content: bool
    #: Plans of other dialects whose markers are among the keys.
    others: tuple[OtherKeyPlan, ...] = ()
    #: Those of `rest` that look like usage or messages.
    unread: tuple[tuple[str, UnreadKind], ...] = ()
    #: Those of `rest` that are URLs, from which credentials are removed.
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherKeyPlan:
    """The plan of a dialect other than the scope's, for the same keys."""

    plan: KeyPlan
    #: Read it even if the scope's dialect found usage and content: it has further facts (session, tags,
    #: metadata).
    always: bool


_plans: dict[tuple[str | None, tuple[str, ...]], KeyPlan] = {}


def plan_of(attributes: Attributes, scope_dialect: CompiledDialect | None) -> KeyPlan:
    """Return the plan for attributes with these keys.

    `scope_dialect`: the dialect of the span's scope, if known.
    """
    keys = tuple(attributes)
    known_as = (None if scope_dialect is None else scope_dialect.dialect.name, keys)
    plan = _plans.get(known_as)
    if plan is None:
        plan = _plan(keys, scope_dialect or dialect_of_attributes(attributes))
        if len(keys) <= _MAX_KEYS and sum(map(len, keys)) <= _MAX_KEYS_CHARS:
            if len(_plans) >= _MAX_PLANS:
                _plans.clear()
            _plans[known_as] = plan
    return plan


def _plan(keys: tuple[str, ...], scope_dialect: CompiledDialect) -> KeyPlan:
    """Return the plan of the scope's dialect, with plans of further dialects whose markers are present."""
    plan = _plan_alone(keys, scope_dialect)
    others = tuple(
        OtherKeyPlan(_plan_alone(keys, other), _has_other_facts(read, other))
        for other, read in marked(keys, scope_dialect)
    )
    if not others:
        return replace(plan, unread=_unread(plan.rest))
    # A key that any of the dialects reads is not metadata.
    rest = frozenset(plan.rest).intersection(*(other.plan.rest for other in others))
    return replace(
        plan,
        others=others,
        rest=tuple(key for key in plan.rest if key in rest),
        urls=tuple(key for key in plan.urls if key in rest),
        parameters=tuple(pair for pair in plan.parameters if pair[0] in rest),
        unread=_unread(key for key in plan.rest if key in rest),
    )


def _unread(rest: Iterable[str]) -> tuple[tuple[str, UnreadKind], ...]:
    return tuple((key, kind) for key in rest if (kind := unread_kind(key)) is not None)


def _has_other_facts(keys: Sequence[str], scope_dialect: CompiledDialect) -> bool:
    dialect, table = scope_dialect
    usage_and_content = {*table.content, *dialect.kind_keys()}
    usage_and_content.update(key for _, keys in table.counts for key in keys)
    return any(key not in usage_and_content and not is_flattened(key, table) for key in keys)


def _plan_alone(keys: tuple[str, ...], scope_dialect: CompiledDialect) -> KeyPlan:
    dialect, table = scope_dialect
    present = frozenset(keys)

    def found(wanted: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(key for key in wanted if key in present)

    def columns(
        wanted: tuple[tuple[ColumnT, tuple[str, ...]], ...],
    ) -> tuple[tuple[ColumnT, tuple[str, ...]], ...]:
        return tuple((column, there) for column, keys in wanted if (there := found(keys)))

    rest: list[str] = []
    custom: list[tuple[str, str]] = []
    flattened: list[str] = []
    for key in keys:
        if key in table.known:
            continue
        if (name := custom_name(key, table)) is not None:
            custom.append((key, name))
        elif is_flattened(key, table):
            flattened.append(key)
        elif not is_secret(key):
            rest.append(key)
    numbers = number_keys(rest, table)
    used = numbers.used
    rest = [key for key in rest if key not in used]
    return KeyPlan(
        dialect,
        table,
        columns(table.texts),
        numbers.columns(columns(table.counts)),
        (
            *((key, 1000) for key in found(table.first_token_seconds)),
            *((key, 1) for key in found(table.first_token_ms)),
        ),
        found(table.first_token_at),
        found(table.cost_usd) + numbers.cost_usd,
        numbers.cost_parts,
        numbers.billing,
        numbers.objects,
        found(table.tags),
        found(table.finish_reasons),
        (*found(_HOST_KEYS), *_base_urls(rest)),
        tuple(rest),
        tuple((key, name) for key in rest if (name := parameter_name(key)) is not None),
        tuple(custom),
        tuple(flattened),
        bool(flattened) or not present.isdisjoint(table.content),
        urls=tuple(key for key in rest if is_url_key(key)),
    )


def _base_urls(rest: Iterable[str]) -> Iterator[str]:
    """Yield attributes with the URL of an interface, by the ends of their names."""
    for key in rest:
        if key not in _HOST_KEYS and key.lower().replace("_", "").endswith(_BASE_URLS):
            yield key


def parameter_name(key: str) -> str | None:
    """Return the name of a request's parameter; None for other keys, and for parameters with a column."""
    if not key.startswith(_REQUEST_PREFIX):
        return None
    name = key[len(_REQUEST_PREFIX) :]
    return None if name in _NOT_PARAMETERS else name
