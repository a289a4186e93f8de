// Reads rows: lists of `/v1/traces`, and one row with its bodies.

import { get, getWithLink, route } from "./request.ts";

/** A row as the API returns it; unknown is null. */
export interface Row {
  readonly trace_id: string;
  readonly project_id: string;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly tags: readonly string[];
  readonly timestamp: string;
  readonly latency_ms: number | null;
  readonly time_to_first_token_ms: number | null;
  readonly name: string | null;
  readonly operation: string | null;
  readonly provider: string | null;
  readonly model_requested: string | null;
  readonly model_used: string | null;
  readonly provider_request_id: string | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly usage_source: string | null;
  readonly service_tier: string | null;
  readonly cost_cents: number | null;
  /** `reported`, `computed`, or null without a cost. */
  readonly cost_source: string | null;
  readonly price_version: string | null;
  readonly status: "success" | "error";
  readonly error: { readonly type?: string | null; readonly message?: string | null } | null;
  readonly finish_reason: string | null;
  readonly input_preview: string | null;
  readonly output_preview: string | null;
  readonly output_text?: string | null;
  readonly request_body?: unknown;
  readonly response_body?: unknown;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly service: string | null;
  readonly environment: string | null;
  readonly release: string | null;
  readonly otel_trace_id: string | null;
  readonly otel_span_id: string | null;
  readonly parent_span_id: string | null;
  readonly dialect: string | null;
  readonly counted: boolean;
}

export interface RowPage {
  readonly rows: readonly Row[];
  /** Number of matching rows; a lower bound if `totalIsBound`. */
  readonly total: number;
  readonly totalIsBound: boolean;
  /** Path of the next page; null on the last. */
  readonly next: string | null;
}

export const SORTS = ["time", "latency", "cost", "tokens"] as const;
export type Sort = (typeof SORTS)[number];

/** Read a page of rows; `path` is a route of `/v1/traces` with its parameters, or the `next` of an earlier page. */
export async function readRows(path: string, signal?: AbortSignal): Promise<RowPage> {
  const { body, next, headers } = await getWithLink<{
    readonly traces: readonly Row[];
    readonly total: number;
  }>(path, signal);
  return {
    rows: body.traces,
    total: body.total,
    totalIsBound: headers.get("x-total-count")?.startsWith(">") ?? false,
    next,
  };
}

export const rowPath = (id: string): string => route(`/v1/traces/${encodeURIComponent(id)}`);

/** Read one row with its bodies. */
export const readRow = (id: string, signal?: AbortSignal): Promise<Row> => get<Row>(rowPath(id), signal);

/** Return the model of a row as it is shown: the requested one, else the used one, else the span's name. */
export const modelOf = (row: Row): string =>
  row.model_requested ?? row.model_used ?? row.name ?? "unknown model";
