// All fields of a row but its content, with links to the calls that share a value.

import type { ComponentChildren } from "preact";
import type { Row } from "../../api/traces.ts";
import { Json } from "../../components/json.tsx";
import { count, duration, UNKNOWN } from "../../format/numbers.ts";
import { instant, parse } from "../../format/times.ts";
import { pageLink } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";

export function DetailsTab({ row }: { readonly row: Row }) {
  const like = (name: string, value: string | null): ComponentChildren =>
    value === null ? UNKNOWN : <a href={pageLink("calls", { [name]: value })}>{value}</a>;
  const text = (value: string | null): ComponentChildren => value ?? UNKNOWN;
  const fields: readonly (readonly [string, ComponentChildren])[] = [
    ["Started", instant(parse(row.timestamp) ?? 0, zone.value)],
    ["Duration", duration(row.latency_ms)],
    ["First token", duration(row.time_to_first_token_ms)],
    ["Status", like("status", row.status)],
    ["Operation", like("operation", row.operation)],
    ["Span name", text(row.name)],
    ["Requested model", like("model", row.model_requested)],
    ["Used model", like("model", row.model_used)],
    ["Provider", like("provider", row.provider)],
    ["Response id", text(row.provider_request_id)],
    ["Finish reason", like("finish_reason", row.finish_reason)],
    ["Input tokens", count(row.input_tokens)],
    ["from cache", count(row.cache_read_tokens)],
    ["written to cache", count(row.cache_write_tokens)],
    ["Output tokens", count(row.output_tokens)],
    ["reasoning", count(row.reasoning_tokens)],
    ["Usage from", text(row.usage_source)],
    ["Price list", text(row.price_version)],
    ["Service tier", text(row.service_tier)],
    ["Session", like("session_id", row.session_id)],
    ["User", like("user_id", row.user_id)],
    [
      "Tags",
      row.tags.length === 0
        ? UNKNOWN
        : row.tags.map((tag) => (
            <a key={tag} class="chip" href={pageLink("calls", { tag })}>
              {tag}
            </a>
          )),
    ],
    ["Service", like("service", row.service)],
    ["Environment", like("environment", row.environment)],
    ["Release", like("release", row.release)],
    ["Dialect", text(row.dialect)],
    [
      "Counted",
      row.counted
        ? "yes: this row counts for its call"
        : "no: another row counts for this call, or the span is no call",
    ],
    [
      "Trace",
      row.otel_trace_id === null ? (
        UNKNOWN
      ) : (
        <a href={pageLink("calls", { otel_trace_id: row.otel_trace_id, operation: "all" })}>
          {row.otel_trace_id}
        </a>
      ),
    ],
    ["Span", text(row.otel_span_id)],
    ["Parent span", text(row.parent_span_id)],
    ["Row", row.trace_id],
  ];
  return (
    <>
      <dl class="details">
        {fields.map(([name, value]) => (
          <Field key={name} name={name} value={value} />
        ))}
      </dl>
      {row.metadata !== null && Object.keys(row.metadata).length > 0 && (
        <>
          <h3>Other attributes</h3>
          <Json value={row.metadata} depth={2} name="attributes" />
        </>
      )}
    </>
  );
}

const Field = ({ name, value }: { readonly name: string; readonly value: ComponentChildren }) => (
  <>
    <dt>{name}</dt>
    <dd class="mono">{value}</dd>
  </>
);
