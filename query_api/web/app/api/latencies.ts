// Reads how many calls took how long, by step of time and octave of latency.

import { get } from "./request.ts";

export interface Latencies {
  readonly starts: readonly string[];
  readonly step: string;
  readonly tz: string;
  /** Lower bounds of the octaves in milliseconds, and the upper bound of the last. */
  readonly bounds_ms: readonly number[];
  /** Calls by start, then by octave; null for steps that were not read in time. */
  readonly counts: readonly (readonly number[] | null)[];
  /** Calls without a latency by start. */
  readonly unknown: readonly (number | null)[];
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
  readonly complete: boolean;
}

export const readLatencies = (path: string, signal?: AbortSignal): Promise<Latencies> =>
  get<Latencies>(path, signal);
