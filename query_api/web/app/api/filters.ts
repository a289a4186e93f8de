// The filters that all lists and sums share: their names, and how they come from the address.

import { type Range, rangeParameters } from "../state/range.ts";

/** Filters with an exact value, in the order in which they are offered. */
export const EXACT_FILTERS = [
  ...["model", "provider", "status", "operation", "service", "environment", "release"],
  ...["user_id", "session_id", "tag", "finish_reason", "error_type", "cost"],
] as const;

/** All filters but those of time. */
export const FILTERS: readonly string[] = [
  ...EXACT_FILTERS,
  ...["counted", "min_latency_ms", "max_latency_ms", "min_cost_cents", "otel_trace_id", "q"],
];

/** Filters whose values are chosen from facets. */
export const FACETS: readonly string[] = [
  ...["status", "model", "provider", "service", "environment", "user_id", "session_id", "tag"],
  ...["cost", "finish_reason", "error_type", "operation", "release"],
];

/** Return the filters of an address as parameters of the API, with the range of time. */
export function filterParameters(query: URLSearchParams, range: Range | null): URLSearchParams {
  const found = new URLSearchParams();
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value !== null && value !== "") found.set(name, value);
  }
  if (range !== null)
    for (const [name, value] of Object.entries(rangeParameters(range))) found.set(name, value);
  return found;
}

/** Return the filters that are set, but those of time. */
export function activeFilters(query: URLSearchParams): readonly (readonly [string, string])[] {
  return FILTERS.flatMap((name) => {
    const value = query.get(name);
    return value === null || value === "" ? [] : [[name, value] as const];
  });
}

/** Values that remove every filter. */
export const NO_FILTERS: Readonly<Record<string, null>> = Object.fromEntries(
  [...FILTERS, "search_in"].map((name) => [name, null]),
);
