// The range of time of a page: `range=24h` moves with the clock, `from` and `to` are fixed instants (half-open).

import { computed, signal } from "@preact/signals";
import { parse, rfc3339 } from "../format/times.ts";
import { pageAddress, type Values } from "./address.ts";

export interface Range {
  readonly from: number;
  readonly to: number;
  /** Name of a moving range, such as `24h`; null if the instants are fixed. */
  readonly name: string | null;
}

export const DEFAULT_RANGE = "24h";

export const RANGES: readonly (readonly [string, string])[] = [
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["6h", "Last 6 hours"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  ["90d", "Last 90 days"],
];

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Return the length of a moving range in milliseconds; null if the name is none. */
export function rangeLength(name: string): number | null {
  const match = /^([1-9]\d{0,3})([mhd])$/.exec(name);
  const unit = match?.[2] === undefined ? undefined : UNIT_MS[match[2]];
  return unit === undefined ? null : Number(match?.[1]) * unit;
}

/** Return the range of a query at an instant. What cannot be read counts as absent. */
export function resolveRange(query: URLSearchParams, now: number): Range {
  const from = parse(query.get("from"));
  const to = parse(query.get("to"));
  if (from !== null || to !== null) {
    const end = to ?? now;
    return {
      from: from ?? end - (rangeLength(DEFAULT_RANGE) ?? 0),
      to: Math.max(end, (from ?? end) + 1),
      name: null,
    };
  }
  const name = query.get("range") ?? DEFAULT_RANGE;
  const length = rangeLength(name);
  const used = length === null ? DEFAULT_RANGE : name;
  return { from: now - (length ?? rangeLength(DEFAULT_RANGE) ?? 0), to: now, name: used };
}

/** Instant at which moving ranges end: when the page was opened or last refreshed. All parts of a page use the same. */
export const now = signal(Date.now());

export const range = computed<Range>(() => resolveRange(pageAddress.value.query, now.value));

/** Let moving ranges end at the present instant, so that every part of the page is read again. */
export function refresh(): void {
  now.value = Math.max(Date.now(), now.peek() + 1);
}

/** Return the parameters of the API for a range. */
export const rangeParameters = ({
  from,
  to,
}: Range): { readonly date_from: string; readonly date_to: string } => ({
  date_from: rfc3339(from),
  date_to: rfc3339(to),
});

/** Return the values of the address that turn a moving range into instants, or instants back into the default range. */
export const pinned = (of: Range): Values =>
  of.name === null
    ? { from: null, to: null, range: null }
    : { range: null, from: rfc3339(of.from), to: rfc3339(of.to) };

/** Return the name of a range for people; null for instants. */
export function rangeName({ name }: Range): string | null {
  if (name === null) return null;
  return RANGES.find(([id]) => id === name)?.[1] ?? `Last ${name}`;
}
