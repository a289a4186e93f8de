// Latency over time as a heat map: each level is an octave, twice as long as the one below.

import { useMemo } from "preact/hooks";
import type { Latencies } from "../../api/latencies.ts";
import type { Resource } from "../../api/resource.ts";
import { stepLength } from "../../api/timeseries.ts";
import type { Picked } from "../../components/bars.tsx";
import { Heat } from "../../components/heat.tsx";
import { Pending } from "../../components/states.tsx";
import { covered, instants, rangeValues, type Span, sumKnown } from "../../components/steps.ts";
import { counted, duration } from "../../format/numbers.ts";
import { callsLink } from "../calls/links.ts";

export interface RangedLatencies extends Latencies {
  /** The range that was asked for. */
  readonly range: Span;
}

const HEIGHT = 256;
const LABEL_PX = 30;

export function LatencyPanel({ of }: { readonly of: Resource<RangedLatencies> }) {
  return (
    <section class="panel heat-panel" aria-label="Latency">
      <div class="bar">
        <h2>Latency</h2>
        <span class="grow" />
        <span class="hint">each level is twice as long; darker is more calls</span>
      </div>
      <Pending of={of} what="the latencies" lines={6} />
      {of.data !== null &&
        (of.data.bounds_ms.length > 1 ? (
          <LatencyHeat of={of.data} />
        ) : (
          <p class="quiet">No call in this range has a latency.</p>
        ))}
    </section>
  );
}

function LatencyHeat({ of }: { readonly of: RangedLatencies }) {
  const { starts, columns, names, edges } = useMemo(() => {
    const { bounds_ms: bounds } = of;
    const levels = bounds.length - 1;
    const every = Math.max(1, Math.ceil((levels * LABEL_PX) / HEIGHT));
    return {
      starts: instants(of.starts),
      columns: of.counts.map((column) => column ?? new Array<null>(levels).fill(null)),
      names: bounds.slice(0, -1).map((low, at) => between(low, bounds[at + 1] ?? low)),
      edges: bounds.flatMap((bound, at) => (at % every === 0 ? [[at, duration(bound)] as const] : [])),
    };
  }, [of]);
  return (
    <Heat
      label={`Calls by latency, each column ${of.step}`}
      starts={starts}
      step={stepLength(of.step)}
      columns={columns}
      names={names}
      edges={edges}
      format={(value) => counted(value, "call")}
      height={HEIGHT}
      pick={(first, last, low, high) => picked(of, starts, first, last, low, high)}
    />
  );
}

const between = (low: number, high: number): string =>
  low === 0 ? `less than ${duration(high)}` : `${duration(low)} – ${duration(high)}`;

/** Latencies have whole nanoseconds: the longest one below a bound is this much shorter, in milliseconds. */
const NANOSECOND = 1e-6;

/** Return the calls of some steps and octaves, and the link to them. */
function picked(
  of: RangedLatencies,
  starts: readonly number[],
  first: number,
  last: number,
  low: number,
  high: number,
): Picked {
  const columns = of.counts.slice(first, last + 1);
  const calls = sumKnown(columns.flatMap((column) => column?.slice(low, high + 1) ?? []));
  const known = columns.every((column) => column !== null);
  const from = of.bounds_ms[low] ?? 0;
  const to = of.bounds_ms[high + 1] ?? 0;
  return {
    text: `${known ? "" : "≥ "}${counted(calls, "call")} took ${between(from, to)}`,
    link: callsLink({
      ...rangeValues(covered(starts, first, last, of.range)),
      min_latency_ms: from,
      max_latency_ms: Number((to - NANOSECOND).toFixed(6)),
    }),
  };
}
