// What the figures of Home are made of.

import type { Totals } from "../../api/timeseries.ts";
import type { Trust } from "../../api/trust.ts";
import type { Exact } from "../../components/exact.tsx";
import type { Reason } from "../../components/why.tsx";
import { count, counted, percent, ratio, short } from "../../format/numbers.ts";
import { minute, parse } from "../../format/times.ts";
import { zone } from "../../state/preferences.ts";
import { tokens } from "./sums.ts";

/** Explain the number of tokens. */
export const tokensReason = (total: Totals, request: string): Reason => {
  const { input_tokens: input, cache_read_tokens: cached, output_tokens: output } = total;
  const fresh = input === null || cached === null ? null : input - cached;
  return {
    title: `Why ${short(tokens(total))} tokens?`,
    lines:
      cached === null
        ? [
            ["Input", "cached ones are in it", count(input)],
            ["Output", "with reasoning", count(output)],
          ]
        : [
            ["Input, not cached", "", count(fresh)],
            ["Input from a cache", percent(ratio(cached, input)), count(cached)],
            ["Output", "with reasoning", count(output)],
          ],
    sum: ["Tokens", "", count(tokens(total))],
    notes: [
      "As providers report them: Pulse estimates none.",
      ...(total.unknown_usage > 0
        ? [
            `${counted(total.unknown_usage, "successful call")} without token counts: left out, not taken as zero.`,
          ]
        : []),
    ],
    request,
    exact: {
      value: tokens(total),
      unit: "tokens",
      from: ["sum", "/total/input_tokens", "/total/output_tokens"],
    },
  };
};

/** Return the share of what is known. */
const share = (known: number | null, unknown: number, first: string, second: string): Exact => ({
  value: known === null ? null : ratio(known, known + unknown),
  unit: "share",
  from: ["ratio", first, ["sum", first, second]],
});

/** Explain how many calls have a price. */
export const pricedReason = (of: Trust, request: string): Reason => ({
  title: "Which calls have a price?",
  lines: [
    ["Cost known", "", count(of.priced)],
    ["Unpriced", "tokens, but no price", count(of.unpriced)],
  ],
  notes: [
    "A call without a price is left out of every cost: its cost is unknown, not zero.",
    "To price them: save the prices in a file and run `pulse prices set`. `pulse reprice` applies them to stored calls.",
  ],
  request,
  exact: share(of.priced, of.unpriced, "/priced", "/unpriced"),
});

/** Explain how many calls have token counts. */
export const usageReason = (of: Trust, request: string): Reason => ({
  title: "Which calls have token counts?",
  lines: [
    ["Tokens known", "", count(of.usage_known)],
    ["Unknown", "successful calls", count(of.unknown_usage)],
  ],
  notes: [
    "Streams that end early, or that are read without usage, have none. OpenAI sends it with stream_options.include_usage.",
  ],
  request,
  exact: share(of.usage_known, of.unknown_usage, "/usage_known", "/unknown_usage"),
});

/** Explain which traces were received whole. */
export const completeReason = (of: Trust, request: string): Reason => ({
  title: "Which traces are complete?",
  lines: [
    ["Newest traces checked", "", count(of.traces)],
    ["With a missing span", "", count(of.incomplete_traces)],
  ],
  notes: [
    "A trace is incomplete if the parent of one of its spans was never received: it was dropped by the exporter or by sampling, or is still running.",
  ],
  request,
  exact: {
    value: ratio(of.traces - of.incomplete_traces, of.traces),
    unit: "share",
    from: ["ratio", ["minus", "/traces", "/incomplete_traces"], "/traces"],
  },
});

/** Explain how many spans were refused. */
export const refusedReason = (of: Trust, request: string): Reason => ({
  title: "Which spans were refused?",
  lines: [["Refused", "", count(of.rejected)]],
  notes: [
    of.rejected === null
      ? "Another process receives the spans of this store and has the count."
      : `Counted by this process since ${minute(parse(of.since) ?? 0, zone.value)}. Its log has the reason of each. Spans that were answered 503 are not counted: exporters send them again.`,
  ],
  request,
  exact: { value: of.rejected, unit: "spans", from: "/rejected" },
});

/** Explain why the number of lost spans is unknown. */
export const lostReason = (request: string): Reason => ({
  title: "How many spans did exporters lose?",
  notes: [
    "Unknown: no exporter reports it. An exporter that cannot send drops spans when its queue is full (OTEL_BSP_MAX_QUEUE_SIZE), and its log says so.",
  ],
  request,
  exact: { value: null, unit: "spans", from: ["sum"] },
});

/** Explain when the newest span began. */
export const newestReason = (of: Trust, request: string): Reason => ({
  title: "When did the newest span begin?",
  lines: [["Newest span", "of any range", of.newest_span_at ?? "–"]],
  notes: [
    "A span is shown within a second after its exporter has sent it; exporters send every five seconds.",
  ],
  request,
  exact: { value: of.newest_span_at, unit: "instant", from: "/newest_span_at" },
});
