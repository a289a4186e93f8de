// Which rows of the tree are shown: spans below folded ones are left out, runs of equal neighbours are one row.

import type { Layout, Run } from "./layout.ts";

/** Folded spans, and runs whose spans are shown. */
export interface Folds {
  readonly closed: ReadonlySet<number>;
  /** Runs by their first span. */
  readonly opened: ReadonlySet<number>;
}

export const NO_FOLDS: Folds = { closed: new Set(), opened: new Set() };

/** Rows from the top: the index of a span, or for a run of equal neighbours `-1 - its number in layout.runs`. */
export type TreeRows = Int32Array;

export const isRun = (row: number): boolean => row < 0;
export const runOf = (layout: Layout, row: number): Run | undefined =>
  row < 0 ? layout.runs[-1 - row] : undefined;

/** Return the rows that are shown. */
export function visible(layout: Layout, { closed, opened }: Folds): TreeRows {
  const { order, size, runs } = layout;
  const rows = new Int32Array(order.length + runs.length);
  let count = 0;
  let next = 0;
  for (let at = 0; at < order.length; ) {
    const run = runs[next];
    if (run !== undefined && run.from < at) {
      next += 1;
      continue;
    }
    if (run !== undefined && run.from === at) {
      rows[count] = -1 - next;
      count += 1;
      next += 1;
      if (!opened.has(run.first)) {
        at = run.to;
        continue;
      }
    }
    const index = order[at] as number;
    rows[count] = index;
    count += 1;
    at += closed.has(index) ? (size[index] as number) : 1;
  }
  return rows.subarray(0, count);
}

/** Return the number of the run that has a span as one of its neighbours; -1 if there is none. */
export function runWith(layout: Layout, index: number): number {
  const at = layout.place[index] as number;
  const above = layout.parent[index] as number;
  return layout.runs.findIndex((run) => run.parent === above && run.from <= at && at < run.to);
}

/** Return the depth at which a row is shown: spans of a run are one level below it. */
export function levelOf(layout: Layout, runDepth: Uint16Array, row: number): number {
  const run = runOf(layout, row);
  const index = run?.first ?? row;
  return (
    (layout.depth[index] as number) + (runDepth[layout.place[index] as number] as number) - (run ? 1 : 0)
  );
}

/** Return for each place of the order how many runs it lies in. */
export function runDepths({ order, runs }: Layout): Uint16Array {
  const changes = new Int32Array(order.length + 1);
  for (const { from, to } of runs) {
    changes[from] = (changes[from] as number) + 1;
    changes[to] = (changes[to] as number) - 1;
  }
  const depths = new Uint16Array(order.length);
  let depth = 0;
  for (let at = 0; at < order.length; at += 1) {
    depth += changes[at] as number;
    depths[at] = depth;
  }
  return depths;
}

/** Return the folds with everything opened that hides a span. */
export function revealing(layout: Layout, folds: Folds, index: number): Folds {
  const closed = new Set(folds.closed);
  const opened = new Set(folds.opened);
  for (let each = index; each >= 0; each = layout.parent[each] as number) {
    if (each !== index) closed.delete(each);
    const run = layout.runs[runWith(layout, each)];
    if (run !== undefined) opened.add(run.first);
  }
  const same = closed.size === folds.closed.size && opened.size === folds.opened.size;
  return same ? folds : { closed, opened };
}

/** Return the folds that show the roots and their children only. */
export function foldedAll({ depth, size }: Layout): Folds {
  const closed = new Set<number>();
  for (let index = 0; index < depth.length; index += 1)
    if ((depth[index] as number) >= 1 && (size[index] as number) > 1) closed.add(index);
  return { closed, opened: new Set() };
}

/** Return the folds that show every span. */
export const unfoldedAll = ({ runs }: Layout): Folds => ({
  closed: new Set(),
  opened: new Set(runs.map(({ first }) => first)),
});

/** Return the row of the next failed span after a place of the order, from the top again after the last; -1 if none failed. */
export function nextFailed(layout: Layout, failed: Uint8Array, index: number): number {
  const { order, place } = layout;
  const from = index < 0 ? -1 : (place[index] as number);
  for (let step = 1; step <= order.length; step += 1) {
    const candidate = order[(from + step) % order.length] as number;
    if (failed[candidate] === 1) return candidate;
  }
  return -1;
}
