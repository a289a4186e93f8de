// One row of the list of traces: time, question and answer, session and user, spans, failures, duration, cost.

import type { ComponentChildren } from "preact";
import type { Tree } from "../../api/trees.ts";
import { Value } from "../../components/exact.tsx";
import { count, counted, duration, moneyColumn } from "../../format/numbers.ts";
import { date, instant, parse, time } from "../../format/times.ts";

interface Props {
  readonly tree: Tree;
  readonly link: string;
  readonly zone: string;
  /** Date of today in the zone; other dates are shown. */
  readonly today: string;
  /** Duration at which the bar is full, in milliseconds. */
  readonly longest: number;
}

const MARKS = {
  reported: ["●", "stated by the senders"],
  computed: ["○", "computed from prices"],
  mixed: ["◐", "partly stated by senders, partly computed from prices"],
} as const;

/** Return the cells of a row. */
export function cells({ tree, link, zone, today, longest }: Props): ComponentChildren {
  const at = parse(tree.started_at) ?? 0;
  const day = date(at, zone);
  const bound = tree.at_least ? "+" : "";
  const mark = tree.cost_source === null ? null : MARKS[tree.cost_source];
  const name = tree.input_preview ?? tree.name ?? tree.otel_trace_id;
  return (
    <>
      <span class="when" role="gridcell">
        <span class={`dot ${tree.errors > 0 ? "bad" : "none"}`} />
        <time title={instant(at, zone)} class="titled">
          {day === today ? null : (
            <>
              <span class="quiet">{day.slice(5)}</span>
              <br />
            </>
          )}
          {time(at, zone)}
        </time>
      </span>
      <span class="what" role="gridcell">
        <a class="row-link" href={link} tabIndex={-1} aria-label={`${name}, ${time(at, zone)}`} />
        <span class="model">
          <b dir="auto">{name}</b>
          <Incomplete tree={tree} />
        </span>
        <span class="say">
          <span class="ask">{tree.name ?? "unnamed"}</span>
          {tree.output_preview !== null && <span class="answer">{tree.output_preview}</span>}
        </span>
      </span>
      <span class="who" role="gridcell">
        <span>{tree.session_id ?? tree.service ?? ""}</span>
        <span class="quiet">{tree.user_id ?? ""}</span>
      </span>
      <span class="counts num" role="gridcell">
        <span>
          <Value of={tree.spans} unit="spans" from="/trees/0/spans">
            {count(tree.spans)}
          </Value>
          {bound} {tree.spans === 1 ? "span" : "spans"}
        </span>
        <span class="quiet">
          <Value of={tree.calls} unit="calls" from="/trees/0/calls">
            {count(tree.calls)}
          </Value>
          {bound} {tree.calls === 1 ? "call" : "calls"}
        </span>
      </span>
      <span class="failures num" role="gridcell">
        {tree.errors > 0 && (
          <span class="bad-text">
            <Value of={tree.errors} unit="spans" from="/trees/0/errors">
              {count(tree.errors)}
            </Value>
            {bound} failed
          </span>
        )}
      </span>
      <span class="lasts num" role="gridcell">
        <span>
          <Value of={tree.duration_ms} unit="ms" from="/trees/0/duration_ms">
            {duration(tree.duration_ms)}
          </Value>
          {tree.duration_ms === null ? "" : bound}
        </span>
        {tree.duration_ms !== null && (
          <span class="line">
            <i style={{ inlineSize: `${Math.min(100, (100 * tree.duration_ms) / longest)}%` }} />
          </span>
        )}
      </span>
      <span class="money num" role="gridcell">
        <span>
          <Value of={tree.cost_cents} unit="cents" from="/trees/0/cost_cents">
            {tree.cost_cents === null && tree.unpriced > 0 ? (
              <span class="warn-text">unpriced</span>
            ) : (
              moneyColumn(tree.cost_cents)
            )}
          </Value>
          {tree.cost_cents === null ? "" : bound}
          {mark !== null && (
            <span class="mark titled" title={mark[1]}>
              <span aria-hidden="true">{mark[0]}</span>
              <span class="sr"> {mark[1]}</span>
            </span>
          )}
        </span>
        {tree.cost_cents !== null && tree.unpriced > 0 && (
          <span class="warn-text part" title={`${counted(tree.unpriced, "call")} without a known price`}>
            +{" "}
            <Value of={tree.unpriced} unit="calls" from="/trees/0/unpriced">
              {count(tree.unpriced)}
            </Value>{" "}
            unpriced
          </span>
        )}
      </span>
    </>
  );
}

/** Mark a trace of which spans are missing. */
function Incomplete({ tree }: { readonly tree: Tree }) {
  if (tree.complete !== false) return null;
  const why =
    tree.root === null ? "The root span was never received" : "The parent of a span was never received";
  return (
    <span class="chip warn titled" title={why}>
      incomplete
    </span>
  );
}
