"""Sets the facts of a span from its attributes, by the table of its dialect."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.dialect import custom_name
from pulse_collector.facts.attributes import (
    MAX_TOKENS,
    as_count,
    as_number,
    as_text,
)
from pulse_collector.facts.cost_names import is_of_request
from pulse_collector.facts.documents import read_usage
from pulse_collector.facts.finish_reasons import finish_reasons
from pulse_collector.facts.json_text import parse_object, to_json
from pulse_collector.facts.reported_costs import fill_cost_of_parts
from pulse_collector.facts.span_facts import MAX_TEXT_CHARS, SpanFacts, TextColumn, clean_text
from pulse_collector.facts.tags import tags_of
from pulse_collector.facts.times import ms_after
from pulse_collector.facts.urls import without_credentials
from pulse_collector.facts.usage_names import CountColumn
from pulse_collector.mapping.other_models import add_other_models
from pulse_collector.mapping.plan import KeyPlan, parameter_name

#: Thirty days in milliseconds: no call takes longer.
_MAX_MS = 30 * 86_400_000


def fill_from_table(facts: SpanFacts, plan: KeyPlan) -> None:
    """Set each column from the first of its attributes with a usable value; put all others into `rest`."""
    attributes = facts.attributes
    texts, counts = facts.texts, facts.counts
    facts.rest = {key: attributes[key] for key in plan.rest}
    for key in plan.urls:
        if isinstance(url := attributes[key], str):
            facts.rest[key] = without_credentials(url)
    facts.has_content = plan.has_content
    if plan.parameters and (plan.has_content or facts.events):
        facts.parameters = {name: attributes[key] for key, name in plan.parameters}
    for key, name in plan.custom:
        facts.custom.setdefault(name, to_json(attributes[key]))
    for column, keys in plan.texts:
        value = attributes[keys[0]]
        # Fast path: the first attribute nearly always has a usable value.
        if type(value) is str and len(value) <= MAX_TEXT_CHARS and (text := value.strip()):
            texts[column] = text
        else:
            _fill_text(facts, column, keys, plan)
    if "session_id" in texts and not is_session(texts["session_id"]):
        del texts["session_id"]
        _fill_text(facts, "session_id", dict(plan.texts)["session_id"], plan)
    for column, keys in plan.counts:
        value = attributes[keys[0]]
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            counts[column] = value
        else:
            _fill_count(facts, column, keys, plan)
    if plan.first_token_ms or plan.first_token_at or plan.cost_usd or plan.cost_parts:
        _fill_numbers(facts, plan)
    for key in plan.usage_objects:
        usage = parse_object(attributes[key])
        if usage:
            read_usage(facts, usage)
        else:
            _keep(facts, key, plan)
    for term, key in plan.billing:
        if term == "other_models":
            add_other_models(facts, attributes[key])
        else:
            facts.fill_billing(term, attributes[key], requested=is_of_request(key))
    for key in plan.finish_reasons:
        facts.finish_reasons = finish_reasons(attributes[key])
        if facts.finish_reasons:
            break
    for key in plan.tags:
        facts.tags += tags_of(attributes[key])
    if plan.flattened:
        facts.flattened = {key: attributes[key] for key in plan.flattened}


def _fill_text(facts: SpanFacts, column: TextColumn, keys: Sequence[str], plan: KeyPlan) -> None:
    """Set a text column from the first of these keys that has a usable text."""
    for key in keys:
        text = as_text(facts.attributes[key])
        if text is not None and (column != "session_id" or is_session(text)):
            facts.texts[column] = clean_text(text)
            return
        _keep(facts, key, plan)


def _fill_count(facts: SpanFacts, column: CountColumn, keys: Sequence[str], plan: KeyPlan) -> None:
    """Set a count from the first of these keys that has one."""
    for key in keys:
        count = as_count(facts.attributes[key])
        if count is not None:
            facts.counts[column] = count
            return
        _keep(facts, key, plan)


def _keep(facts: SpanFacts, key: str, plan: KeyPlan) -> None:
    """Store in the metadata an attribute that is listed for a column but has no usable value."""
    value = facts.attributes[key]
    if value is None:
        return
    name = custom_name(key, plan.table)
    if name is None:
        facts.rest[key] = value
        parameter = parameter_name(key)
        if parameter is not None:
            facts.parameters[parameter] = value
    else:
        facts.custom.setdefault(name, to_json(value))


def _fill_numbers(facts: SpanFacts, plan: KeyPlan) -> None:
    attributes, numbers = facts.attributes, facts.numbers
    for key, factor in plan.first_token_ms:
        ms = as_number(attributes[key])
        if ms is not None:
            ms *= factor
            if ms <= _MAX_MS:
                numbers["time_to_first_token_ms"] = ms
            break
    for key in plan.first_token_at:
        ms = ms_after(facts.start_ns, attributes[key])
        if ms is not None and ms <= _MAX_MS:
            numbers.setdefault("time_to_first_token_ms", ms)
            break
    for key in plan.cost_usd:
        cost_usd = as_number(attributes[key])
        if cost_usd is not None:
            numbers["cost_usd"] = cost_usd
            break
    if plan.cost_parts:
        fill_cost_of_parts(facts, {part: attributes[key] for part, key in reversed(plan.cost_parts)})


def is_session(text: str) -> bool:
    """Return whether a text is a session id: not a redacted one, nor the id of a previous response."""
    return not text.startswith(("resp_", "[Scrubbed"))
