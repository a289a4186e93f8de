// Arranges the spans of a trace as a tree: order, depth, sizes, failures, sums and the critical path.

import { endOf, type Spans } from "./spans.ts";

export interface Layout {
  /** Indexes of the spans, parents before their children, siblings by start. */
  readonly order: Int32Array;
  /** Place of each span in `order`. */
  readonly place: Int32Array;
  /** Index of the parent that the tree shows; -1 at the top. */
  readonly parent: Int32Array;
  readonly depth: Uint16Array;
  /** Number of spans of the subtree, with the span itself. */
  readonly size: Int32Array;
  /** Number of failed spans below, without the span itself. */
  readonly failedBelow: Int32Array;
  /** 1 for spans that the end of the trace waited for. */
  readonly critical: Uint8Array;
  /** Runs of equal neighbours, as places in `order`. */
  readonly runs: readonly Run[];
  /** Sums over the spans before each place of `order`, so that those of a subtree are two look-ups. */
  readonly before: Sums;
  /** End of the last span in microseconds, at least 1. */
  readonly end: number;
}

/** Consecutive siblings with subtrees of the same shape, names, models and outcomes. */
export interface Run {
  /** Index of the parent; -1 at the top. */
  readonly parent: number;
  /** Index of the first span. */
  readonly first: number;
  readonly count: number;
  /** Places in `order`: of the first span, and after the subtree of the last one. */
  readonly from: number;
  readonly to: number;
}

export interface Sums {
  readonly calls: Int32Array;
  readonly unpriced: Int32Array;
  readonly unknownUsage: Int32Array;
  readonly priced: Int32Array;
  readonly costNano: Float64Array;
  readonly tokens: Float64Array;
}

/** Fewer equal neighbours stay as they are. */
export const MIN_RUN = 4;
/** Clocks and roundings differ by so much; a child that ended this much after its parent was waited for. */
const SLACK_US = 100;

/** Arrange the spans in O(n), and sort the children of spans on the critical path. */
export function arrange(spans: Spans): Layout {
  const { count } = spans;
  const children = childLists(spans.parent, count);
  const parent = Int32Array.from(spans.parent);
  const order = new Int32Array(count);
  const place = new Int32Array(count).fill(-1);
  const depth = new Uint16Array(count);
  let placed = 0;
  const visit = (root: number): void => {
    const stack = [root];
    while (stack.length > 0) {
      const index = stack.pop() as number;
      if (place[index] !== -1) continue;
      place[index] = placed;
      order[placed] = index;
      placed += 1;
      const above = parent[index] ?? -1;
      depth[index] = above < 0 ? 0 : Math.min(0xffff, (depth[above] ?? 0) + 1);
      // The list has the last child first, as a stack needs it.
      for (let child = children.last[index] ?? -1; child >= 0; child = children.previous[child] ?? -1)
        if (place[child] === -1) stack.push(child);
    }
  };
  for (let index = 0; index < count; index += 1) if ((parent[index] ?? -1) < 0) visit(index);
  // What no root reaches lies in a circle of parents: it is cut at its first span.
  for (let index = 0; placed < count; index += 1) {
    if (place[index] !== -1) continue;
    parent[index] = -1;
    visit(index);
  }
  const size = new Int32Array(count).fill(1);
  const failedBelow = new Int32Array(count);
  const shape = new Int32Array(count);
  for (let at = count - 1; at >= 0; at -= 1) {
    const index = order[at] as number;
    shape[index] = shapeOf(spans, index, shape[index] as number);
    const above = parent[index] as number;
    if (above < 0) continue;
    size[above] = (size[above] as number) + (size[index] as number);
    failedBelow[above] =
      (failedBelow[above] as number) + (failedBelow[index] as number) + (spans.failed[index] as number);
    shape[above] = mix(shape[above] as number, shape[index] as number);
  }
  let end = 1;
  for (let index = 0; index < count; index += 1) end = Math.max(end, endOf(spans, index));
  return {
    order,
    place,
    parent,
    depth,
    size,
    failedBelow,
    critical: criticalPath(spans, parent, children, end),
    runs: findRuns(order, parent, size, shape),
    before: sums(spans, order),
    end,
  };
}

interface ChildLists {
  /** Last child of each span; -1 without children. */
  readonly last: Int32Array;
  /** The sibling before each span; -1 for the first. */
  readonly previous: Int32Array;
}

function childLists(parent: Int32Array, count: number): ChildLists {
  const last = new Int32Array(count).fill(-1);
  const previous = new Int32Array(count).fill(-1);
  for (let index = 0; index < count; index += 1) {
    const above = parent[index] as number;
    if (above < 0) continue;
    previous[index] = last[above] as number;
    last[above] = index;
  }
  return { last, previous };
}

const mix = (hash: number, value: number): number =>
  (Math.imul(hash ^ value, 0x9e3779b1) << 5) ^ (hash >>> 7);

function shapeOf({ name, operation, model, failed }: Spans, index: number, below: number): number {
  let hash = mix(below, (name.at[index] as number) + 1);
  hash = mix(hash, (operation.at[index] as number) + 1);
  hash = mix(hash, (model.at[index] as number) + 1);
  return mix(hash, (failed[index] as number) + 1);
}

/** Return the runs of at least `MIN_RUN` equal neighbours, outer ones before those within them. */
function findRuns(
  order: Int32Array,
  parent: Int32Array,
  size: Int32Array,
  shape: Int32Array,
): readonly Run[] {
  const runs: Run[] = [];
  // By parent, the run that the newest child may continue; the last entry is that of the top.
  const open = new Map<number, { first: number; count: number; from: number; to: number }>();
  const close = (above: number): void => {
    const run = open.get(above);
    if (run !== undefined && run.count >= MIN_RUN) runs.push({ parent: above, ...run });
  };
  for (let at = 0; at < order.length; at += 1) {
    const index = order[at] as number;
    const above = parent[index] as number;
    const run = open.get(above);
    if (run !== undefined && run.to === at && shape[run.first] === shape[index]) {
      run.count += 1;
      run.to = at + (size[index] as number);
    } else {
      close(above);
      open.set(above, { first: index, count: 1, from: at, to: at + (size[index] as number) });
    }
  }
  for (const above of open.keys()) close(above);
  return runs.sort((a, b) => a.from - b.from || b.to - a.to);
}

/**
 * Mark what the end of the trace waited for: of a span's children the one that ended last, then of those that ended
 * before it began the one that ended last, and so on; the same below each of them.
 */
function criticalPath(spans: Spans, parent: Int32Array, children: ChildLists, end: number): Uint8Array {
  const critical = new Uint8Array(spans.count);
  const roots: number[] = [];
  for (let index = 0; index < spans.count; index += 1) if ((parent[index] as number) < 0) roots.push(index);
  const stack = chain(spans, roots, end);
  while (stack.length > 0) {
    const index = stack.pop() as number;
    if (critical[index] === 1) continue;
    critical[index] = 1;
    const below: number[] = [];
    for (let child = children.last[index] as number; child >= 0; child = children.previous[child] as number)
      if (parent[child] === index) below.push(child);
    stack.push(...chain(spans, below, endOf(spans, index)));
  }
  return critical;
}

/** Return those of some siblings that the instant `until` waited for, the last one first. */
function chain(spans: Spans, siblings: readonly number[], until: number): number[] {
  const found: number[] = [];
  const byEnd = siblings.map((index) => [endOf(spans, index), index] as const).sort((a, b) => b[0] - a[0]);
  let limit = until;
  for (const [end, index] of byEnd) {
    if (end > limit + SLACK_US) continue;
    found.push(index);
    limit = spans.start[index] as number;
  }
  return found;
}

function sums(spans: Spans, order: Int32Array): Sums {
  const length = order.length + 1;
  const found = {
    calls: new Int32Array(length),
    unpriced: new Int32Array(length),
    unknownUsage: new Int32Array(length),
    priced: new Int32Array(length),
    costNano: new Float64Array(length),
    tokens: new Float64Array(length),
  };
  for (let at = 0; at < order.length; at += 1) {
    const index = order[at] as number;
    for (const column of Object.values(found)) column[at + 1] = column[at] as number;
    if (spans.modelCall[index] === 0 || spans.counted[index] === 0) continue;
    const input = spans.inputTokens[index] as number;
    const output = spans.outputTokens[index] as number;
    const nano = spans.costNano[index] as number;
    const used = Math.max(0, input) + Math.max(0, output);
    add(found.calls, at, 1);
    add(found.tokens, at, used);
    if (input < 0 && output < 0) add(found.unknownUsage, at, 1);
    if (nano >= 0) {
      add(found.priced, at, 1);
      add(found.costNano, at, nano);
    } else if (used > 0) add(found.unpriced, at, 1);
  }
  return found;
}

const add = (column: Int32Array | Float64Array, at: number, value: number): void => {
  column[at + 1] = (column[at + 1] as number) + value;
};

/** Sums over counted model calls; a sum of nothing known is null. */
export interface Total {
  readonly calls: number;
  readonly unpriced: number;
  readonly unknownUsage: number;
  readonly costCents: number | null;
  readonly tokens: number | null;
}

/** Return the sums over the spans from a place of the order to another. */
export function total({ before }: Layout, from: number, to: number): Total {
  const of = (column: Int32Array | Float64Array): number => (column[to] as number) - (column[from] as number);
  const calls = of(before.calls);
  const unknownUsage = of(before.unknownUsage);
  return {
    calls,
    unpriced: of(before.unpriced),
    unknownUsage,
    costCents: of(before.priced) === 0 ? null : of(before.costNano) / 1e7,
    tokens: calls === unknownUsage ? null : of(before.tokens),
  };
}

/** Return the sums over the subtree of a span. */
export function subtree(layout: Layout, index: number): Total {
  const from = layout.place[index] as number;
  return total(layout, from, from + (layout.size[index] as number));
}
