// What ran when: leaves of the tree counted by kind over the length of the trace.

import { type Kind, kindOf } from "../../components/kinds.ts";
import type { Layout } from "./layout.ts";
import { endOf, type Spans } from "./spans.ts";

export const BINS = 240;
export const KINDS = ["model", "tool", "agent", "find", "other"] as const satisfies readonly Kind["kind"][];

export interface Bins {
  /** For each of `KINDS`, the number of running spans per bin. */
  readonly running: readonly Float64Array[];
  /** 1 where a failed span ran. */
  readonly failed: Uint8Array;
  /** Most running spans in a bin, at least 1. */
  readonly most: number;
}

/** Count the spans without children by kind in `BINS` parts of the trace. */
export function bins(spans: Spans, layout: Layout): Bins {
  const kinds = spans.operation.values.map((value) => KINDS.indexOf(kindOf(value).kind));
  const running = KINDS.map(() => new Float64Array(BINS + 1));
  const failures = new Float64Array(BINS + 1);
  const binOf = (at: number): number => Math.max(0, Math.min(BINS - 1, Math.floor((at / layout.end) * BINS)));
  for (let index = 0; index < spans.count; index += 1) {
    const leaf = layout.size[index] === 1;
    if (!leaf && spans.failed[index] === 0) continue;
    const first = binOf(spans.start[index] as number);
    const last = binOf(endOf(spans, index));
    if (leaf)
      addRange(running[kinds[spans.operation.at[index] as number] as number] as Float64Array, first, last);
    if (spans.failed[index] === 1 && leaf) addRange(failures, first, last);
    else if (spans.failed[index] === 1) addRange(failures, last, last);
  }
  for (const column of [...running, failures]) accumulate(column);
  let most = 1;
  for (let bin = 0; bin < BINS; bin += 1)
    most = Math.max(
      most,
      running.reduce((sum, column) => sum + (column[bin] as number), 0),
    );
  return {
    running,
    failed: Uint8Array.from(failures.subarray(0, BINS), (value) => (value > 0 ? 1 : 0)),
    most,
  };
}

/** Add one to all bins of a range, as differences between neighbours. */
function addRange(differences: Float64Array, first: number, last: number): void {
  differences[first] = (differences[first] as number) + 1;
  differences[last + 1] = (differences[last + 1] as number) - 1;
}

function accumulate(differences: Float64Array): void {
  for (let bin = 1; bin < differences.length; bin += 1)
    differences[bin] = (differences[bin] as number) + (differences[bin - 1] as number);
}

/** Return the SVG path of each kind, stacked, in a box of `BINS` × `height`. */
export function stackedPaths({ running, most }: Bins, height: number): readonly string[] {
  const floor = new Float64Array(BINS);
  const y = (value: number): string => (height - (value / most) * (height - 4)).toFixed(1);
  return running.map((column) => {
    let path = "";
    for (let bin = 0; bin < BINS; bin += 1) {
      const value = column[bin] as number;
      if (value === 0) continue;
      const low = floor[bin] as number;
      path += `M${bin} ${y(low)}V${y(low + value)}h1V${y(low)}z`;
      floor[bin] = low + value;
    }
    return path;
  });
}

/** Return the SVG path of the marks above bins in which a failed span ran. */
export const failedPath = ({ failed }: Bins): string =>
  Array.from(failed, (value, bin) => (value === 1 ? `M${bin} 0h1v3h-1z` : "")).join("");
