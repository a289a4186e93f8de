// Reads sums over time by a dimension.

import { get, type Parameters, route } from "./request.ts";

export interface Sums {
  readonly calls: number;
  readonly errors: number;
  readonly input_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost_cents: number | null;
  readonly unpriced: number;
  readonly unknown_usage: number;
}

export interface Totals extends Sums {
  readonly reported_cents: number | null;
  readonly computed_cents: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

/** The same names as in `Sums`, each with a value for every start. */
export type Columns = { readonly [Name in keyof Sums]: readonly (number | null)[] };

export interface Series extends Columns {
  readonly key: string | null;
  readonly total: Sums;
}

export interface Timeseries {
  readonly starts: readonly string[];
  readonly step: string;
  readonly tz: string;
  readonly by: string;
  readonly series: readonly Series[];
  readonly other: Omit<Series, "key"> | null;
  readonly total: Totals;
  /** Sums of the period before; only with `compare=previous`. */
  readonly previous?: Totals | null;
  readonly complete: boolean;
}

const STEP_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Return the length of a step such as `15m` in milliseconds; days count 24 hours. */
export function stepLength(step: string): number {
  const match = /^(\d+)([mhd])$/.exec(step);
  return Number(match?.[1] ?? 1) * (STEP_MS[match?.[2] ?? "h"] ?? 3_600_000);
}

export const timeseriesPath = (filters: URLSearchParams, more: Parameters): string => {
  const query = new URLSearchParams(filters);
  for (const [name, value] of Object.entries(more))
    if (value !== null && value !== undefined) query.set(name, String(value));
  return route("/v1/timeseries", query);
};

export const readTimeseries = (path: string, signal?: AbortSignal): Promise<Timeseries> =>
  get<Timeseries>(path, signal);
