// All fields of a row but its content, with links to the calls that share a value.

import type { ComponentChildren } from "preact";
import { type Row, rowPath } from "../../api/traces.ts";
import { Value } from "../../components/exact.tsx";
import { Json } from "../../components/json.tsx";
import { count, duration, UNKNOWN } from "../../format/numbers.ts";
import { instant, parse } from "../../format/times.ts";
import { pageLink } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { traceLink } from "./links.ts";

type TokenField =
  | "input_tokens"
  | "cache_read_tokens"
  | "cache_write_tokens"
  | "output_tokens"
  | "reasoning_tokens";

export function DetailsTab({ row }: { readonly row: Row }) {
  const like = (name: string, value: string | null): ComponentChildren =>
    value === null ? UNKNOWN : <a href={pageLink("calls", { [name]: value })}>{value}</a>;
  const text = (value: string | null): ComponentChildren => value ?? UNKNOWN;
  const ms = (name: "latency_ms" | "time_to_first_token_ms"): ComponentChildren => (
    <Value of={row[name]} unit="ms" from={`/${name}`}>
      {duration(row[name])}
    </Value>
  );
  const tokens = (name: TokenField): ComponentChildren => (
    <Value of={row[name]} unit="tokens" from={`/${name}`}>
      {count(row[name])}
    </Value>
  );
  const fields: readonly (readonly [string, ComponentChildren])[] = [
    ["Started", <time key="started">{instant(parse(row.timestamp) ?? 0, zone.value)}</time>],
    ["Duration", ms("latency_ms")],
    ["First token", ms("time_to_first_token_ms")],
    ["Status", like("status", row.status)],
    ["Operation", like("operation", row.operation)],
    ["Span name", text(row.name)],
    ["Requested model", like("model", row.model_requested)],
    ["Used model", like("model", row.model_used)],
    ["Provider", like("provider", row.provider)],
    ["Response id", text(row.provider_request_id)],
    ["Finish reason", like("finish_reason", row.finish_reason)],
    ["Input tokens", tokens("input_tokens")],
    ["from cache", tokens("cache_read_tokens")],
    ["written to cache", tokens("cache_write_tokens")],
    ["Output tokens", tokens("output_tokens")],
    ["reasoning", tokens("reasoning_tokens")],
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
        <a href={traceLink(row) ?? pageLink("calls", { otel_trace_id: row.otel_trace_id, operation: "all" })}>
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
      <dl class="details" data-request={rowPath(row.trace_id)}>
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
