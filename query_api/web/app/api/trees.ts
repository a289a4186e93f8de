// Reads OpenTelemetry traces: their list, one of them as columns, and the row of a span.

import { get, getWithLink, route } from "./request.ts";

/** A trace as the list has it; unknown is null. */
export interface Tree {
  readonly otel_trace_id: string;
  readonly name: string | null;
  readonly root: string | null;
  /** False if the root or the parent of a span was never received; null if the trace is too large to know. */
  readonly complete: boolean | null;
  readonly started_at: string;
  readonly duration_ms: number | null;
  readonly spans: number;
  /** True if counts, sums and the duration are lower bounds. */
  readonly at_least: boolean;
  readonly calls: number;
  readonly errors: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_cents: number | null;
  readonly cost_source: "reported" | "computed" | "mixed" | null;
  readonly unpriced: number;
  readonly unknown_usage: number;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly service: string | null;
  readonly input_preview: string | null;
  readonly output_preview: string | null;
}

export interface TreePage {
  readonly trees: readonly Tree[];
  /** False if two seconds did not suffice for a whole page. */
  readonly complete: boolean;
  /** Path of the next page; null on the last. */
  readonly next: string | null;
}

/** Read a page of traces; `path` is a route of `/v1/trees` with its parameters, or the `next` of an earlier page. */
export async function readTrees(path: string, signal?: AbortSignal): Promise<TreePage> {
  const { body, next } = await getWithLink<{ readonly trees: readonly Tree[]; readonly complete: boolean }>(
    path,
    signal,
  );
  return { trees: body.trees, complete: body.complete, next };
}

/** A column of texts: for each span the index of its value. */
export interface TextColumn {
  readonly values: readonly (string | null)[];
  readonly at: readonly number[];
}

type Numbers = readonly (number | null)[];

/** Index of a span and id of its parent, for each span whose parent is not among the spans. */
type Parents = readonly (readonly (number | string)[])[];

export interface Reason {
  readonly reason: "wrapper" | "same_call" | "unknown";
  /** A sentence. */
  readonly why: string;
  readonly counted_row: { readonly otel_trace_id: string; readonly otel_span_id: string } | null;
}

/** Why a model call of a trace does not count. */
export interface NotCounted extends Reason {
  /** Index of the span. */
  readonly span: number;
  /** Index of the span that counts; -1 if it is in another trace or on another page. */
  readonly counted_by: number;
}

/** The spans of a trace in the order of their starts; each column has a value per span. */
export interface Columns {
  readonly spans: number;
  readonly start_ns: string;
  readonly ids: string;
  readonly trace_ids: string | null;
  readonly parent: readonly number[];
  readonly missing_parents: Parents;
  readonly other_parents: Parents;
  readonly start_us: readonly number[];
  readonly duration_us: Numbers;
  readonly first_token_us: Numbers;
  readonly operation: TextColumn;
  readonly name: TextColumn;
  readonly provider: TextColumn;
  readonly model: TextColumn;
  readonly service: TextColumn;
  readonly status: TextColumn;
  readonly error_type: TextColumn;
  readonly error_message: TextColumn;
  readonly cost_source: TextColumn;
  readonly input_tokens: Numbers;
  readonly cache_read_tokens: Numbers;
  readonly output_tokens: Numbers;
  readonly cost_nano_usd: Numbers;
  readonly model_call: string;
  readonly counted: string;
  readonly not_counted: readonly NotCounted[] | null;
  readonly session_ids: readonly string[];
  readonly user_ids: readonly string[];
  readonly next_cursor: string | null;
}

export const treePath = (id: string): string => route(`/v1/trees/${encodeURIComponent(id)}`);

export const readTree = (id: string, signal?: AbortSignal): Promise<Columns> =>
  get<Columns>(treePath(id), signal);

export interface SpanRow {
  readonly trace_id: string;
  readonly counted: boolean;
  readonly not_counted: Reason | null;
}

/** Read which row a span has, and why it does not count. */
export const readSpanRow = (id: string, span: string): Promise<SpanRow> =>
  get<SpanRow>(route(`/v1/trees/${encodeURIComponent(id)}/spans/${encodeURIComponent(span)}`));
