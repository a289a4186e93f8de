// What the figures of the list and of a call are made of.

import { bucketName, type Cost, costPath, readCost } from "../../api/cost.ts";
import type { Totals } from "../../api/timeseries.ts";
import { modelOf, type Row } from "../../api/traces.ts";
import { isUnpriced } from "../../components/cost_mark.tsx";
import type { Reason } from "../../components/why.tsx";
import { count, counted, duration, money, moneyExact, percent, price, ratio } from "../../format/numbers.ts";

/** Explain the number of calls in a list. */
export const callsReason = (total: Totals, request: string): Reason => ({
  title: `Why ${counted(total.calls, "call")}?`,
  lines: [
    ["Succeeded", "", count(total.calls - total.errors)],
    ["Failed", "", count(total.errors)],
  ],
  sum: ["Calls", "", count(total.calls)],
  notes: [
    "Each call counts once, also if several instrumentations recorded it. Spans of agents and tools are no calls.",
  ],
  request,
  exact: { value: total.calls, unit: "calls", from: "/total/calls" },
});

/** Explain the cost of the calls in a list. */
export const costReason = (total: Totals, request: string): Reason => ({
  title: `Why ${money(total.cost_cents)}?`,
  lines: [
    ["Stated by senders", "●", moneyExact(total.reported_cents)],
    ["Computed from prices", "○", moneyExact(total.computed_cents)],
    ["Unpriced", counted(total.unpriced, "call"), money(null)],
    ["Usage unknown", counted(total.unknown_usage, "call"), money(null)],
  ],
  sum: ["Sum", "of what is known", moneyExact(total.cost_cents)],
  notes: [
    "Calls without a known cost are left out of the sum and counted here: their cost is unknown, not zero.",
  ],
  request,
  exact: { value: total.cost_cents, unit: "cents", from: "/total/cost_cents" },
});

/** Explain the share of failed calls. */
export const errorsReason = (total: Totals, request: string): Reason => ({
  title: `Why ${percent(ratio(total.errors, total.calls))} errors?`,
  lines: [
    ["Failed", "", count(total.errors)],
    ["All calls", "", count(total.calls)],
  ],
  sum: ["Share", `${count(total.errors)} / ${count(total.calls)}`, percent(ratio(total.errors, total.calls))],
  notes: ["A call failed if its span ended with an error. A refusal of the model is no error."],
  request,
  exact: {
    value: ratio(total.errors, total.calls),
    unit: "share",
    from: ["ratio", "/total/errors", "/total/calls"],
  },
});

/** Explain a percentile of latency. */
export const latencyReason = (
  total: Totals,
  request: string,
  name: "p50" | "p95" | "p99" = "p95",
): Reason => ({
  title: `Why ${duration(total[`${name}_ms`])}?`,
  lines: [
    ["Half of the calls end within", "p50", duration(total.p50_ms)],
    ["95 % end within", "p95", duration(total.p95_ms)],
    ["99 % end within", "p99", duration(total.p99_ms)],
  ],
  notes: ["From a histogram with eight steps an octave: at most 4.4 % off."],
  request,
  exact: { value: total[`${name}_ms`], unit: "ms", from: `/total/${name}_ms` },
});

/** Explain the cost of one call; reads its buckets. */
export async function callCostReason(row: Row): Promise<Reason> {
  const cost = await readCost(row.trace_id);
  const title = row.cost_cents === null ? "Why no cost?" : `Why ${money(row.cost_cents)}?`;
  const exact = { value: cost.cost_cents, unit: "cents", from: "/cost_cents" } as const;
  const notes = [costSentence(cost, row), ...(cost.note === null ? [] : [cost.note])];
  if (!cost.adds_up || cost.buckets.length === 0)
    return { title, notes, request: costPath(row.trace_id), exact };
  return {
    title,
    lines: cost.buckets.map(({ name, tokens, usd_per_million, cost_cents }) => [
      bucketName(name, cost.buckets),
      usd_per_million === null ? "" : `${count(tokens)} × ${price(usd_per_million)} / M`,
      moneyExact(cost_cents),
    ]),
    sum: ["Cost", cost.source ?? "", moneyExact(cost.cost_cents)],
    notes,
    request: costPath(row.trace_id),
    exact,
  };
}

/** Return who stated the cost of a call, or why it has none. */
export function costSentence(cost: Pick<Cost, "source" | "price_version">, row: Row): string {
  if (cost.source === "reported") return "The sender stated this cost. Pulse computes nothing over it.";
  if (cost.source === "computed")
    return `Computed from the call's token counts with the prices ${cost.price_version ?? "of Pulse"}. The sender states no cost.`;
  if (isUnpriced(row))
    return `No price is known for ${modelOf(row)}. The call counts as unpriced: its cost is unknown, not zero.`;
  if (row.status === "error")
    return "The call failed and no usage was reported, so nothing is known of its cost.";
  return "The sender reported no token counts, so nothing is known of its cost.";
}
