import assert from "node:assert/strict";
import { test } from "node:test";
import type { Columns, TextColumn } from "../api/trees.ts";
import {
  foldedAll,
  levelOf,
  NO_FOLDS,
  nextFailed,
  revealing,
  runDepths,
  runOf,
  runWith,
  unfoldedAll,
  visible,
} from "../pages/trace/folding.ts";
import { arrange, subtree, total } from "../pages/trace/layout.ts";
import { costCents, decode, durationMs, indexOf, known, rowId, spanId } from "../pages/trace/spans.ts";
import { bar, clampView, marks, movedView } from "../pages/trace/time_scale.ts";
import { BINS, bins, KINDS, stackedPaths } from "../pages/trace/trace_bins.ts";

interface Given {
  readonly name?: string;
  readonly parent?: number;
  /** Start and end in microseconds from the start of the trace. */
  readonly at: readonly [number, number | null];
  readonly operation?: string | null;
  readonly failed?: boolean;
  readonly tokens?: readonly [number | null, number | null];
  readonly nano?: number | null;
  readonly counted?: boolean;
}

const coded = (texts: readonly (string | null)[]): TextColumn => {
  const values = [...new Set(texts)];
  return { values, at: texts.map((text) => values.indexOf(text)) };
};

/** Return the columns that the API has for some spans. */
function columns(spans: readonly Given[], more: Partial<Columns> = {}): Columns {
  const ids = Buffer.alloc(8 * spans.length);
  const rows = Buffer.alloc(16 * spans.length);
  spans.forEach((_, index) => {
    ids.writeBigUInt64BE(BigInt(index) + 0xa000000000000000n, 8 * index);
    rows.writeBigUInt64BE(BigInt(index), 16 * index + 8);
  });
  const starts = spans.map(({ at }) => at[0]);
  const call = spans.map(({ tokens }) => tokens !== undefined);
  const none = coded(spans.map(() => null));
  return {
    spans: spans.length,
    start_ns: "1764600000123456789",
    ids: ids.toString("base64"),
    trace_ids: rows.toString("base64"),
    parent: spans.map(({ parent }) => parent ?? -1),
    missing_parents: [],
    other_parents: [],
    start_us: starts.map((start, index) => start - (starts[index - 1] ?? 0)),
    duration_us: spans.map(({ at }) => (at[1] === null ? null : at[1] - at[0])),
    first_token_us: spans.map(() => null),
    operation: coded(spans.map(({ operation }) => operation ?? null)),
    name: coded(spans.map(({ name }) => name ?? "span")),
    provider: none,
    model: none,
    service: none,
    status: coded(spans.map(({ failed }) => (failed ? "error" : "success"))),
    error_type: none,
    error_message: none,
    cost_source: none,
    input_tokens: spans.map(({ tokens }) => tokens?.[0] ?? null),
    cache_read_tokens: spans.map(() => null),
    output_tokens: spans.map(({ tokens }) => tokens?.[1] ?? null),
    cost_nano_usd: spans.map(({ nano }) => nano ?? null),
    model_call: call.map((each) => (each ? "1" : "0")).join(""),
    counted: spans.map(({ counted }) => (counted === false ? "0" : "1")).join(""),
    not_counted: [],
    session_ids: [],
    user_ids: [],
    next_cursor: null,
    ...more,
  };
}

const arranged = (spans: readonly Given[]) => arrange(decode(columns(spans)));

test("columns decode to starts, durations, ids and unknown values", () => {
  const spans = decode(columns([{ at: [0, 5000] }, { at: [1500, null], parent: 0 }]));
  assert.deepEqual([...spans.start], [0, 1500]);
  assert.equal(durationMs(spans, 0), 5);
  assert.equal(durationMs(spans, 1), null);
  assert.equal(known(spans.inputTokens, 0), null);
  assert.equal(costCents(spans, 0), null);
  assert.equal(spans.startMs, 1764600000123.456);
  assert.equal(spanId(spans, 1), "a000000000000001");
  assert.equal(indexOf(spans, "a000000000000001"), 1);
  assert.equal(indexOf(spans, "A000000000000001"), 1);
  assert.equal(indexOf(spans, "b000000000000001"), -1);
  assert.equal(indexOf(spans, "no id"), -1);
  assert.equal(rowId(spans, 1), "00000000-0000-0000-0000-000000000001");
  assert.equal(rowId(decode(columns([{ at: [0, 1] }], { trace_ids: null })), 0), null);
});

test("the order has parents before children, also if a child began first", () => {
  const layout = arranged([
    { at: [0, 9], parent: 1 },
    { at: [1, 10] },
    { at: [2, 3], parent: 0 },
    { at: [4, 5], parent: 1 },
  ]);
  assert.deepEqual([...layout.order], [1, 0, 2, 3]);
  assert.deepEqual([...layout.depth], [1, 0, 2, 1]);
  assert.deepEqual([...layout.size], [2, 4, 1, 1]);
  assert.equal(layout.end, 10);
});

test("spans whose parents form a circle are shown once", () => {
  const layout = arranged([
    { at: [0, 9], parent: 1 },
    { at: [1, 8], parent: 0 },
    { at: [2, 3], parent: 2 },
  ]);
  assert.deepEqual([...layout.order].sort(), [0, 1, 2]);
  assert.deepEqual([...layout.parent], [-1, 0, -1]);
});

test("failures are counted below each ancestor, without the span itself", () => {
  const layout = arranged([
    { at: [0, 9] },
    { at: [1, 8], parent: 0, failed: true },
    { at: [2, 3], parent: 1, failed: true },
  ]);
  assert.deepEqual([...layout.failedBelow], [2, 1, 0]);
});

test("the critical path has the child that ended last, then what ended before that began", () => {
  const layout = arranged([
    { at: [0, 10_000] },
    { at: [0, 3000], parent: 0, name: "first" },
    { at: [1000, 5000], parent: 0, name: "overlaps the last" },
    { at: [3500, 10_000], parent: 0, name: "last" },
    { at: [4000, 20_000], parent: 3, name: "ends after its parent" },
    { at: [4000, 9000], parent: 3, name: "within the last" },
  ]);
  assert.deepEqual([...layout.critical], [1, 1, 0, 1, 0, 1]);
});

test("sums have counted calls only, and null where nothing is known", () => {
  const spans = decode(
    columns([
      { at: [0, 9] },
      { at: [1, 2], parent: 0, tokens: [100, 10], nano: 5_000_000 },
      { at: [2, 3], parent: 0, tokens: [100, 10], nano: null, counted: false },
      { at: [3, 4], parent: 0, tokens: [7, null] },
      { at: [4, 5], parent: 0, tokens: [null, null] },
    ]),
  );
  const layout = arrange(spans);
  assert.deepEqual(subtree(layout, 0), {
    calls: 3,
    unpriced: 1,
    unknownUsage: 1,
    costCents: 0.5,
    tokens: 117,
  });
  assert.deepEqual(total(layout, 4, 5), {
    calls: 1,
    unpriced: 0,
    unknownUsage: 1,
    costCents: null,
    tokens: null,
  });
});

/** A root with two tools, then five equal calls with a child each, then a failed one. */
const REPEATING: readonly Given[] = [
  { at: [0, 100], name: "root" },
  { at: [1, 2], parent: 0, name: "tool" },
  { at: [2, 3], parent: 0, name: "tool" },
  ...[0, 1, 2, 3, 4].flatMap((step): Given[] => [
    { at: [10 + step, 11 + step], parent: 0, name: "call" },
    { at: [10 + step, 11 + step], parent: 3 + 2 * step, name: "http" },
  ]),
  { at: [90, 91], parent: 0, name: "call", failed: true },
];

test("equal neighbours are one row until they are unfolded", () => {
  const layout = arranged(REPEATING);
  assert.equal(layout.runs.length, 1);
  assert.deepEqual(layout.runs[0], { parent: 0, first: 3, count: 5, from: 3, to: 13 });
  assert.deepEqual([...visible(layout, NO_FOLDS)], [0, 1, 2, -1, 13]);
  assert.deepEqual(
    [...visible(layout, unfoldedAll(layout))],
    [0, 1, 2, -1, ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 13],
  );
  assert.deepEqual(
    [...visible(layout, { closed: new Set([5]), opened: new Set([3]) })],
    [...[0, 1, 2, -1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]],
  );
});

test("rows of a run have the level below it", () => {
  const layout = arranged(REPEATING);
  const depths = runDepths(layout);
  assert.deepEqual(
    [0, 1, -1, 3, 4, 13].map((row) => levelOf(layout, depths, row)),
    [0, 1, 1, 2, 3, 1],
  );
  assert.equal(runOf(layout, -1)?.first, 3);
  assert.equal(runWith(layout, 5), 0);
  assert.equal(runWith(layout, 6), -1);
  assert.equal(runWith(layout, 1), -1);
});

test("a span is revealed by opening what hides it, and nothing else", () => {
  const layout = arranged(REPEATING);
  const folds = { closed: new Set([0, 1, 5]), opened: new Set<number>() };
  const revealed = revealing(layout, folds, 6);
  assert.deepEqual([...revealed.closed], [1]);
  assert.deepEqual([...revealed.opened], [3]);
  assert.equal(revealing(layout, NO_FOLDS, 1), NO_FOLDS);
});

test("folding all keeps the roots and their children", () => {
  const layout = arranged([
    { at: [0, 9] },
    { at: [1, 8], parent: 0, name: "a" },
    { at: [2, 3], parent: 1, name: "b" },
    { at: [4, 5], parent: 2, name: "c" },
  ]);
  assert.deepEqual([...visible(layout, foldedAll(layout))], [0, 1]);
});

test("the next failed span follows in the order of the tree, and the first one after the last", () => {
  const spans = decode(
    columns([
      { at: [0, 9] },
      { at: [1, 8], parent: 0 },
      { at: [2, 3], parent: 0, failed: true },
      { at: [4, 5], parent: 1, failed: true },
    ]),
  );
  const layout = arrange(spans);
  assert.deepEqual([...layout.order], [0, 1, 3, 2]);
  assert.equal(nextFailed(layout, spans.failed, 0), 3);
  assert.equal(nextFailed(layout, spans.failed, 3), 2);
  assert.equal(nextFailed(layout, spans.failed, 2), 3);
  assert.equal(nextFailed(layout, new Uint8Array(4), 0), -1);
});

test("bars outside the view are marked at its edge", () => {
  const view = { from: 100, to: 200 };
  assert.deepEqual(bar(view, 0, 50), { left: 0, width: 0, outside: "before" });
  assert.deepEqual(bar(view, 250, 300), { left: 100, width: 0, outside: "after" });
  assert.deepEqual(bar(view, 0, 150), { left: 0, width: 50, outside: null });
  assert.deepEqual(bar(view, 150, 1000), { left: 50, width: 50, outside: null });
});

test("views stay within the trace", () => {
  assert.deepEqual(clampView({ from: -50, to: 50 }, 1000), { from: 0, to: 100 });
  assert.deepEqual(clampView({ from: 10, to: 10 }, 1000), { from: 10, to: 11 });
  assert.deepEqual(movedView({ from: 800, to: 1000 }, 0.25, 1, 1000), { from: 800, to: 1000 });
  assert.deepEqual(movedView({ from: 400, to: 600 }, 0, 0.5, 1000), { from: 450, to: 550 });
  assert.deepEqual(movedView({ from: 400, to: 600 }, 0, 100, 1000), { from: 0, to: 1000 });
});

test("marks are at round times, at most five, and have distances far from the start", () => {
  const text = (from: number, to: number): readonly string[] =>
    marks({ from, to }).map((mark) => mark.text.replaceAll("\u202f", " "));
  assert.deepEqual(text(0, 42_800_000), ["0 ms", "20.0 s", "40.0 s"]);
  assert.deepEqual(text(0, 8 * 3600e6), ["0 ms", "2 h", "4 h", "6 h"]);
  assert.deepEqual(text(3600e6, 3600e6 + 20_000), ["1 h", "+5.0 ms", "+10 ms", "+15 ms"]);
  for (const length of [1, 3, 7, 99, 1234, 5e6, 3e9, 9e11])
    assert.ok(marks({ from: 0, to: length }).length <= 5);
});

test("the overview counts leaves by kind over the length of the trace", () => {
  const spans = decode(
    columns([
      { at: [0, BINS], operation: "invoke_agent" },
      { at: [0, 10], parent: 0, operation: "chat" },
      { at: [5, 10], parent: 0, operation: "execute_tool", failed: true },
    ]),
  );
  const found = bins(spans, arrange(spans));
  const of = (kind: (typeof KINDS)[number]) => found.running[KINDS.indexOf(kind)] as Float64Array;
  assert.equal(of("agent")[0], 0);
  assert.deepEqual([...of("model").subarray(0, 12)], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  assert.deepEqual([...of("tool").subarray(4, 7)], [0, 1, 1]);
  assert.equal(found.most, 2);
  assert.deepEqual([...found.failed.subarray(4, 7)], [0, 1, 1]);
  assert.equal(stackedPaths(found, 34).filter((path) => path !== "").length, 2);
});

test("a trace of 50 000 spans is arranged completely", () => {
  const spans: Given[] = [{ at: [0, 50_000] }];
  for (let index = 1; index < 50_000; index += 1)
    spans.push({
      at: [index, index + 1],
      parent: index % 2 === 0 ? 0 : Math.max(0, index - 1),
      name: `s${index % 7}`,
    });
  const layout = arranged(spans);
  assert.equal(layout.size[0], 50_000);
  assert.equal(new Set(layout.order).size, 50_000);
});
