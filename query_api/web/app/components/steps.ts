// Steps of a chart: their instants, and the part of a range that some of them cover.

import { parse, rfc3339 } from "../format/times.ts";

/** A half-open range of instants, Unix milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Return the instants at which steps start. */
export const instants = (starts: readonly string[]): readonly number[] =>
  starts.map((start) => parse(start) ?? 0);

/**
 * Return what the steps from `first` to `last` cover of a range. The first step of a range may begin before it, and a
 * step is as long as the clocks of its zone make it.
 */
export function covered(starts: readonly number[], first: number, last: number, of: Span): Span {
  return {
    from: Math.max(of.from, starts[first] ?? of.from),
    to: Math.min(of.to, starts[last + 1] ?? of.to),
  };
}

/** Return the values of the address that choose a range. */
export const rangeValues = ({ from, to }: Span) => ({ range: null, from: rfc3339(from), to: rfc3339(to) });

/** Sum the known values; null if none is known. */
export const sumKnown = (values: readonly (number | null | undefined)[]): number | null =>
  values.reduce<number | null>(
    (sum, value) => (value === null || value === undefined ? sum : (sum ?? 0) + value),
    null,
  );
