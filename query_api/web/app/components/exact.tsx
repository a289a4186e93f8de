// The exact value behind a figure, and how it follows from the answer to a request, for programs to check.

import type { ComponentChildren } from "preact";

export type Unit =
  | "bytes"
  | "calls"
  | "cents"
  | "instant"
  | "ms"
  | "nano_usd"
  | "share"
  | "spans"
  | "tokens"
  | "traces"
  | "us"
  | "usd_per_million"
  | "users"
  | "values";

/**
 * How a value follows from the JSON answer to a request: a JSON pointer (`*` is every element of an array), a number, or
 * an operation with its operands. `sum` adds what is known and is unknown if nothing is; `ratio` and `minus` are unknown
 * if an operand is; `count` is the number of values, and `positive` the number of those above 0. `spans` is a sum over
 * the columns of a trace.
 */
export type Formula =
  | string
  | number
  | readonly ["sum" | "ratio" | "minus" | "count" | "positive", ...Formula[]]
  | SpansFormula;

/**
 * A sum over all spans of a trace; with numbers, over `count` siblings from the span `first` on and all spans below them.
 * A column's name sums its known values; the other names count spans, or measure from the first start to the last end.
 */
export type SpansFormula =
  | readonly ["spans", SpansSum]
  | readonly ["spans", SpansSum, first: number, count: number];

export type SpansSum =
  | "input_tokens"
  | "output_tokens"
  | "cost_nano_usd"
  | "all"
  | "counted"
  | "failed"
  | "unpriced"
  | "extent_us";

export interface Exact {
  /** Null if the value is unknown. */
  readonly value: number | string | null;
  readonly unit: Unit;
  readonly from: Formula;
}

/** Return the attributes that give an exact value to programs. */
export const exactAttributes = ({ value, unit, from }: Exact) => ({
  "data-value": value === null ? "" : String(value),
  "data-unit": unit,
  "data-from": JSON.stringify(from),
});

/** A value from the answer to a request: that of the nearest element around it that has `data-request`. */
export const Value = ({
  of,
  unit,
  from,
  class: name,
  children,
}: {
  readonly of: number | string | null;
  readonly unit: Unit;
  readonly from: Formula;
  readonly class?: string;
  readonly children: ComponentChildren;
}) => (
  <data class={name} value={of ?? ""} {...exactAttributes({ value: of, unit, from })}>
    {children}
  </data>
);
