// The sums over time that the tiles and charts of Home show, and what they add up to.

import type { Sums, Timeseries } from "../../api/timeseries.ts";
import { instants, type Span, sumKnown } from "../../components/steps.ts";

export const MEASURES = ["cost", "calls", "tokens", "errors"] as const;
export type Measure = (typeof MEASURES)[number];

export const DIMENSIONS = ["model", "provider", "service", "environment", "user", "session", "tag"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Return the filter that selects the calls of a series. */
export const filterOf = (by: string): string => (by === "user" || by === "session" ? `${by}_id` : by);

/** Return a value of a list, or its first one for anything else. */
export const oneOf = <T extends string>(values: readonly [T, ...T[]], value: string | null): T =>
  values.find((each) => each === value) ?? values[0];

/** Add known tokens; null if none are known. */
export const tokens = (of: Pick<Sums, "input_tokens" | "output_tokens">): number | null =>
  sumKnown([of.input_tokens, of.output_tokens]);

/** Sums of all calls by step of time. */
export interface Steps {
  readonly of: Timeseries;
  readonly range: Span;
  readonly starts: readonly number[];
  readonly calls: readonly (number | null)[];
  readonly errors: readonly (number | null)[];
  readonly cost: readonly (number | null)[];
  readonly tokens: readonly (number | null)[];
}

/** Sum the series of an answer by step. The series must not overlap: not by tag. */
export function sumSteps(of: Timeseries, range: Span): Steps {
  const all = of.other === null ? of.series : [...of.series, of.other];
  const sum = (name: "calls" | "errors" | "cost_cents" | "input_tokens" | "output_tokens") =>
    of.starts.map((_, at) => sumKnown(all.map((each) => each[name][at])));
  const input = sum("input_tokens");
  const output = sum("output_tokens");
  const none = all.length === 0;
  const calls = none ? of.starts.map(() => 0) : sum("calls");
  return {
    of,
    range,
    starts: instants(of.starts),
    calls,
    errors: none ? calls : sum("errors"),
    cost: sum("cost_cents"),
    tokens: input.map((value, at) => sumKnown([value, output[at]])),
  };
}

/** Return the values of a measure by step for a series or for all calls. */
export function valuesOf(
  of: Pick<
    Timeseries["series"][number],
    "calls" | "errors" | "cost_cents" | "input_tokens" | "output_tokens"
  >,
  measure: Measure,
): readonly (number | null)[] {
  if (measure === "cost") return of.cost_cents;
  if (measure !== "tokens") return of[measure];
  return of.input_tokens.map((value, at) => sumKnown([value, of.output_tokens[at]]));
}

/** Return the total of a measure. */
export const totalOf = (of: Sums, measure: Measure): number | null =>
  measure === "cost" ? of.cost_cents : measure === "tokens" ? tokens(of) : of[measure];
