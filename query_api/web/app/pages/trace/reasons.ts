// What the figures of a trace and of its spans are made of.

import { readRow } from "../../api/traces.ts";
import { treePath } from "../../api/trees.ts";
import type { Exact, SpansFormula, SpansSum } from "../../components/exact.tsx";
import type { Reason } from "../../components/why.tsx";
import { count, counted, duration, money, moneyExact, percent, ratio } from "../../format/numbers.ts";
import { instant } from "../../format/times.ts";
import { zone } from "../../state/preferences.ts";
import { callCostReason } from "../calls/reasons.ts";
import { type Total, total } from "./layout.ts";
import { costCents, durationMs, endOf, known, type Spans } from "./spans.ts";
import type { Trace } from "./use_trace.ts";

const COUNTED_ONCE =
  "Only model calls count, each once. Spans above them repeat the same numbers and add nothing.";

/** Return the sums over all spans. */
export const wholeTotal = ({ layout, spans }: Trace): Total => total(layout, 0, spans.count);

/** Return the formula of a sum over all spans, or over those between two places of the order. */
export function spansFormula(
  { layout, spans }: Trace,
  sum: SpansSum,
  from: number,
  to: number,
): SpansFormula {
  if (from === 0 && to === spans.count) return ["spans", sum];
  let siblings = 0;
  for (let at = from; at < to; at += layout.size[layout.order[at] as number] as number) siblings += 1;
  return ["spans", sum, layout.order[from] as number, siblings];
}

/** Return the end of the last span in milliseconds; null if no duration is known. */
export const tookMs = ({ spans, layout }: Trace): number | null =>
  spans.duration.some((value) => value >= 0) ? layout.end / 1000 : null;

const us = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 1000));
const nano = (cents: number | null): number | null => (cents === null ? null : Math.round(cents * 1e7));

/** Explain how long the trace took. */
export function tookReason(trace: Trace): Reason {
  const { id, spans, layout } = trace;
  const took = tookMs(trace);
  let last = 0;
  for (let index = 0; index < spans.count; index += 1)
    if (endOf(spans, index) > endOf(spans, last)) last = index;
  return {
    title: `Why ${duration(took)}?`,
    lines: [
      ["First span began", spans.name.get(0) ?? "", instant(spans.startMs, zone.value)],
      ["Last span ended", spans.name.get(last) ?? "", instant(spans.startMs + layout.end / 1000, zone.value)],
    ],
    sum: ["Between them", "", duration(took)],
    notes: ["Spans that ran at the same time count once. Underlined bars are what the end waited for."],
    request: treePath(id),
    exact: { value: us(took), unit: "us", from: ["spans", "extent_us"] },
  };
}

/** Explain the number of spans. */
export function spansReason(trace: Trace): Reason {
  const { spans } = trace;
  const operations = group(
    spans,
    () => true,
    (index) => spans.operation.get(index) ?? "no operation",
  );
  return {
    title: `Why ${counted(spans.count, "span")}?`,
    lines: top(operations, ({ rows }) => rows).map(([name, { rows }]) => [name, "", count(rows)]),
    sum: ["Spans", "", count(spans.count)],
    notes: spans.nextCursor === null ? [] : ["The trace has more spans than were read."],
    request: treePath(trace.id),
    exact: { value: spans.count, unit: "spans", from: "/spans" },
  };
}

/** Explain the number of model calls. */
export function callsReason(trace: Trace): Reason {
  const { spans } = trace;
  let model = 0;
  for (let index = 0; index < spans.count; index += 1) model += spans.modelCall[index] as number;
  const { calls } = wholeTotal(trace);
  return {
    title: `Why ${counted(calls, "call")}?`,
    lines: [
      ["Spans of model calls", "", count(model)],
      ["Not counted", "they repeat other spans", count(model - calls)],
    ],
    sum: ["Calls", "", count(calls)],
    notes: [COUNTED_ONCE],
    request: treePath(trace.id),
    exact: { value: calls, unit: "calls", from: ["spans", "counted"] },
  };
}

/** Explain the number of failed spans. */
export function failedReason(trace: Trace): Reason {
  const { spans, whole } = trace;
  const types = group(
    spans,
    (index) => spans.failed[index] === 1,
    (index) => spans.errorType.get(index) ?? "error",
  );
  return {
    title: `Why ${count(whole.failed)} failed?`,
    lines: top(types, ({ rows }) => rows).map(([name, { rows }]) => [name, "", count(rows)]),
    sum: ["Failed", `of ${counted(spans.count, "span")}`, count(whole.failed)],
    notes: ["A span failed if it ended with an error. A failure below it does not make a span failed."],
    request: treePath(trace.id),
    exact: { value: whole.failed, unit: "spans", from: ["spans", "failed"] },
  };
}

/** Explain tokens: by model, of the spans between two places of the order. */
export const tokensReason = (trace: Trace, from = 0, to = trace.spans.count): Reason =>
  byModel(trace, from, to, "tokens");

/** Explain a cost: by model, of the spans between two places of the order. */
export const costReason = (trace: Trace, from = 0, to = trace.spans.count): Reason =>
  byModel(trace, from, to, "cost");

function byModel(trace: Trace, from: number, to: number, what: "tokens" | "cost"): Reason {
  const { spans, layout } = trace;
  const sum = total(layout, from, to);
  const isCounted = (index: number): boolean => {
    const at = layout.place[index] as number;
    return at >= from && at < to && spans.modelCall[index] === 1 && spans.counted[index] === 1;
  };
  const models = group(spans, isCounted, (index) => spans.model.get(index) ?? "unknown model");
  const cost = what === "cost";
  const amount = (each: Group): string =>
    cost ? moneyExact(each.nano === null ? null : each.nano / 1e7) : count(each.tokens);
  const missing = cost
    ? [
        sum.unpriced > 0 && `${counted(sum.unpriced, "call")} without a known price: left out, not zero.`,
        sum.unknownUsage > 0 &&
          `${counted(sum.unknownUsage, "call")} without reported usage: left out, not zero.`,
      ]
    : [
        sum.unknownUsage > 0 &&
          `${counted(sum.unknownUsage, "call")} without reported usage: left out, not zero.`,
      ];
  return {
    title: `Why ${cost ? money(sum.costCents) : `${count(sum.tokens)} tokens`}?`,
    lines: top(models, (each) => (cost ? (each.nano ?? 0) : (each.tokens ?? 0))).map(([name, each]) => [
      name,
      cost ? counted(each.rows, "call") : `${count(each.input)} → ${count(each.output)}`,
      amount(each),
    ]),
    sum: ["Sum", counted(sum.calls, "call"), cost ? moneyExact(sum.costCents) : count(sum.tokens)],
    notes: [COUNTED_ONCE, ...missing.filter((note) => note !== false)],
    request: treePath(trace.id),
    exact: cost ? costExact(trace, from, to) : tokensExact(trace, from, to),
  };
}

/** Return the cost of the spans between two places of the order. */
export const costExact = (trace: Trace, from: number, to: number): Exact => ({
  value: nano(total(trace.layout, from, to).costCents),
  unit: "nano_usd",
  from: spansFormula(trace, "cost_nano_usd", from, to),
});

/** Return the tokens of the spans between two places of the order. */
export const tokensExact = (trace: Trace, from: number, to: number): Exact => ({
  value: total(trace.layout, from, to).tokens,
  unit: "tokens",
  from: [
    "sum",
    spansFormula(trace, "input_tokens", from, to),
    spansFormula(trace, "output_tokens", from, to),
  ],
});

interface Group {
  rows: number;
  nano: number | null;
  tokens: number | null;
  input: number | null;
  output: number | null;
}

function group(
  spans: Spans,
  takes: (index: number) => boolean,
  name: (index: number) => string,
): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  const plus = (sum: number | null, value: number | null): number | null =>
    value === null ? sum : (sum ?? 0) + value;
  for (let index = 0; index < spans.count; index += 1) {
    if (!takes(index)) continue;
    const key = name(index);
    const of = groups.get(key) ?? { rows: 0, nano: null, tokens: null, input: null, output: null };
    of.rows += 1;
    of.nano = plus(of.nano, known(spans.costNano, index));
    of.input = plus(of.input, known(spans.inputTokens, index));
    of.output = plus(of.output, known(spans.outputTokens, index));
    of.tokens = plus(plus(of.tokens, known(spans.inputTokens, index)), known(spans.outputTokens, index));
    groups.set(key, of);
  }
  return groups;
}

const SHOWN = 12;

/** Return the largest groups, the remaining ones as one. */
function top(
  groups: ReadonlyMap<string, Group>,
  size: (of: Group) => number,
): readonly (readonly [string, Group])[] {
  const sorted = [...groups].sort((a, b) => size(b[1]) - size(a[1]));
  if (sorted.length <= SHOWN) return sorted;
  const plus = (a: number | null, b: number | null): number | null =>
    a === null ? b : b === null ? a : a + b;
  const others = sorted.slice(SHOWN - 1);
  const sum = others.reduce<Group>(
    (all, [, each]) => ({
      rows: all.rows + each.rows,
      nano: plus(all.nano, each.nano),
      tokens: plus(all.tokens, each.tokens),
      input: plus(all.input, each.input),
      output: plus(all.output, each.output),
    }),
    { rows: 0, nano: null, tokens: null, input: null, output: null },
  );
  return [...sorted.slice(0, SHOWN - 1), [`${others.length} others`, sum]];
}

/** Explain how long a span took. */
export function spanTookReason({ id, spans, layout }: Trace, index: number): Reason {
  const took = durationMs(spans, index);
  const began = spans.startMs + (spans.start[index] as number) / 1000;
  return {
    title: `Why ${duration(took)}?`,
    lines: [
      ["Began", "", instant(began, zone.value)],
      ["Ended", "", took === null ? "–" : instant(began + took, zone.value)],
      ["Share of the trace", `of ${duration(layout.end / 1000)}`, percent(ratio(took, layout.end / 1000))],
    ],
    notes: [
      layout.critical[index] === 1
        ? "The span is on the critical path: the end of the trace waited for it."
        : "The span is not on the critical path: something else ended after it.",
    ],
    request: treePath(id),
    exact: { value: us(took), unit: "us", from: `/duration_us/${index}` },
  };
}

/** Explain the tokens of a model call. */
export function spanTokensReason({ id, spans }: Trace, index: number): Reason {
  const input = known(spans.inputTokens, index);
  const output = known(spans.outputTokens, index);
  const cached = known(spans.cachedTokens, index);
  const sum = input === null && output === null ? null : (input ?? 0) + (output ?? 0);
  return {
    title: `Why ${count(sum)} tokens?`,
    lines: [
      ["Input", cached === null ? "" : `${count(cached)} of them from the cache`, count(input)],
      ["Output", "", count(output)],
    ],
    sum: ["Tokens", "", count(sum)],
    notes: ["As the span reports them."],
    request: treePath(id),
    exact: {
      value: sum,
      unit: "tokens",
      from: ["sum", `/input_tokens/${index}`, `/output_tokens/${index}`],
    },
  };
}

/** Explain the cost of a model call; reads its row and its buckets. */
export async function spanCostReason(trace: Trace, index: number, row: string | null): Promise<Reason> {
  if (row !== null) return callCostReason(await readRow(row));
  const cost = costCents(trace.spans, index);
  return {
    title: `Why ${money(cost)}?`,
    sum: ["Cost", "", moneyExact(cost)],
    request: treePath(trace.id),
    exact: { value: nano(cost), unit: "nano_usd", from: `/cost_nano_usd/${index}` },
  };
}
