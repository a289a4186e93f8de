// The spans of a trace as typed arrays, decoded from the columns of the API.

import type { Columns, NotCounted, TextColumn } from "../../api/trees.ts";

/** Value of a number that is unknown. */
export const UNKNOWN_NUMBER = -1;

/** Spans in the order of their starts. Times are microseconds from the start of the first span. */
export interface Spans {
  readonly count: number;
  /** Start of the first span in Unix milliseconds. */
  readonly startMs: number;
  readonly parent: Int32Array;
  readonly start: Float64Array;
  /** Unknown durations are -1. */
  readonly duration: Float64Array;
  readonly firstToken: Float64Array;
  readonly inputTokens: Float64Array;
  readonly cachedTokens: Float64Array;
  readonly outputTokens: Float64Array;
  readonly costNano: Float64Array;
  readonly modelCall: Uint8Array;
  readonly counted: Uint8Array;
  readonly failed: Uint8Array;
  readonly operation: Texts;
  readonly name: Texts;
  readonly provider: Texts;
  readonly model: Texts;
  readonly service: Texts;
  readonly errorType: Texts;
  readonly errorMessage: Texts;
  readonly costSource: Texts;
  /** Id of the parent by index, of spans whose parent was never received. */
  readonly missingParents: ReadonlyMap<number, string>;
  /** The same of spans whose parent was not read. */
  readonly unreadParents: ReadonlyMap<number, string>;
  /** Why model calls do not count, by index; null if the trace is too large for the API to list them. */
  readonly notCounted: ReadonlyMap<number, NotCounted> | null;
  readonly sessions: readonly string[];
  readonly users: readonly string[];
  /** Cursor of the spans after these; null if these are all. */
  readonly nextCursor: string | null;
  readonly ids: Uint8Array;
  readonly rowIds: Uint8Array | null;
}

/** A column of texts with few distinct values. */
export class Texts {
  readonly values: readonly (string | null)[];
  readonly at: Uint16Array | Uint32Array;

  constructor({ values, at }: TextColumn) {
    this.values = values;
    this.at = values.length > 0xffff ? Uint32Array.from(at) : Uint16Array.from(at);
  }

  get(index: number): string | null {
    return this.values[this.at[index] ?? 0] ?? null;
  }

  /** Return for each value whether a text is in it, in any case of letters. */
  matching(text: string): Uint8Array {
    return Uint8Array.from(this.values, (value) => (value?.toLowerCase().includes(text) ? 1 : 0));
  }
}

/** Decode the columns of a trace. */
export function decode(columns: Columns): Spans {
  const count = columns.spans;
  const start = new Float64Array(count);
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    at += columns.start_us[index] ?? 0;
    start[index] = at;
  }
  const failed = columns.status.values.map((value) => (value === "error" ? 1 : 0));
  return {
    count,
    startMs: Number(BigInt(columns.start_ns) / 1000n) / 1000,
    parent: Int32Array.from(columns.parent),
    start,
    duration: numbers(columns.duration_us),
    firstToken: numbers(columns.first_token_us),
    inputTokens: numbers(columns.input_tokens),
    cachedTokens: numbers(columns.cache_read_tokens),
    outputTokens: numbers(columns.output_tokens),
    costNano: numbers(columns.cost_nano_usd),
    modelCall: bits(columns.model_call),
    counted: bits(columns.counted),
    failed: Uint8Array.from(columns.status.at, (value) => failed[value] ?? 0),
    operation: new Texts(columns.operation),
    name: new Texts(columns.name),
    provider: new Texts(columns.provider),
    model: new Texts(columns.model),
    service: new Texts(columns.service),
    errorType: new Texts(columns.error_type),
    errorMessage: new Texts(columns.error_message),
    costSource: new Texts(columns.cost_source),
    missingParents: parents(columns.missing_parents),
    unreadParents: parents(columns.other_parents),
    notCounted:
      columns.not_counted === null ? null : new Map(columns.not_counted.map((each) => [each.span, each])),
    sessions: columns.session_ids,
    users: columns.user_ids,
    nextCursor: columns.next_cursor,
    ids: bytes(columns.ids),
    rowIds: columns.trace_ids === null ? null : bytes(columns.trace_ids),
  };
}

const numbers = (column: readonly (number | null)[]): Float64Array =>
  Float64Array.from(column, (value) => value ?? UNKNOWN_NUMBER);

const parents = (list: Columns["missing_parents"]): ReadonlyMap<number, string> =>
  new Map(list.map(([index, id]) => [Number(index), String(id)]));

const bits = (text: string): Uint8Array => Uint8Array.from(text, (bit) => (bit === "1" ? 1 : 0));

function bytes(text: string): Uint8Array {
  const binary = atob(text);
  const found = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) found[at] = binary.charCodeAt(at);
  return found;
}

/** Return a number of a column; null if it is unknown. */
export const known = (column: Float64Array, index: number): number | null => {
  const value = column[index] ?? UNKNOWN_NUMBER;
  return value < 0 ? null : value;
};

/** Return the duration of a span in milliseconds; null if it is unknown. */
export const durationMs = ({ duration }: Spans, index: number): number | null => {
  const us = known(duration, index);
  return us === null ? null : us / 1000;
};

/** Return the cost of a span in cents; null if it is unknown. */
export const costCents = ({ costNano }: Spans, index: number): number | null => {
  const nano = known(costNano, index);
  return nano === null ? null : nano / 1e7;
};

/** Return the end of a span; its start if its duration is unknown. */
export const endOf = ({ start, duration }: Spans, index: number): number =>
  (start[index] ?? 0) + Math.max(0, duration[index] ?? 0);

const hex = (from: Uint8Array): string =>
  Array.from(from, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Return the OpenTelemetry id of a span. */
export const spanId = ({ ids }: Spans, index: number): string => hex(ids.subarray(8 * index, 8 * index + 8));

/** Return the id of a span's row; null if the trace is too large for the API to list them. */
export function rowId({ rowIds }: Spans, index: number): string | null {
  if (rowIds === null) return null;
  const text = hex(rowIds.subarray(16 * index, 16 * index + 16));
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
    "-",
  );
}

/** Return the index of the span with an id; -1 if there is none. */
export function indexOf({ ids, count }: Spans, id: string): number {
  const wanted = Array.from({ length: 8 }, (_, at) => Number.parseInt(id.slice(2 * at, 2 * at + 2), 16));
  if (!/^[0-9a-f]{16}$/i.test(id)) return -1;
  for (let index = 0; index < count; index += 1)
    if (wanted.every((byte, at) => ids[8 * index + at] === byte)) return index;
  return -1;
}
