// The figures above the list: of exactly what is listed.

import type { Resource } from "../../api/resource.ts";
import type { Timeseries, Totals } from "../../api/timeseries.ts";
import type { RowPage } from "../../api/traces.ts";
import { Value } from "../../components/exact.tsx";
import { Asked, type Reason } from "../../components/why.tsx";
import { count, duration, money, percent, ratio } from "../../format/numbers.ts";
import { filteredLink } from "../../state/address.ts";
import { callsReason, costReason, errorsReason, latencyReason } from "./reasons.ts";

interface Props {
  readonly sums: Resource<Timeseries>;
  readonly page: RowPage | null;
  /** The request that gives the sums. */
  readonly request: string;
  /** The request that gives the list. */
  readonly list: string;
}

export function Figures({ sums, page, request, list }: Props) {
  const total = sums.data?.total ?? null;
  if (total === null)
    return (
      <div class="strip" data-request={list}>
        {page !== null && (
          <div class="figure">
            <b>
              {page.totalIsBound && "≥ "}
              <Value of={page.total} unit="calls" from="/total">
                {count(page.total)}
              </Value>
            </b>
            <span>rows</span>
          </div>
        )}
      </div>
    );
  const bound = sums.data?.complete === false ? "≥ " : "";
  return (
    <div class="strip" data-request={request}>
      <Figure
        name="calls"
        text={bound + count(total.calls)}
        total={total}
        request={request}
        ask={callsReason}
      />
      <Figure
        name="cost"
        text={(total.cost_cents === null ? "" : bound) + money(total.cost_cents)}
        total={total}
        request={request}
        ask={costReason}
      />
      <Figure
        name="errors"
        text={percent(ratio(total.errors, total.calls))}
        total={total}
        request={request}
        ask={errorsReason}
      />
      <Figure name="p95" text={duration(total.p95_ms)} total={total} request={request} ask={latencyReason} />
      <Doubt name="unpriced" value={total.unpriced} bound={bound} cost="unpriced" />
      <Doubt name="unknown usage" value={total.unknown_usage} bound={bound} cost="no_usage" />
    </div>
  );
}

interface FigureProps {
  readonly name: string;
  readonly text: string;
  readonly total: Totals;
  readonly request: string;
  readonly ask: (total: Totals, request: string) => Reason;
}

const Figure = ({ name, text, total, request, ask }: FigureProps) => (
  <div class="figure">
    <Asked name={name} ask={() => ask(total, request)}>
      {text}
    </Asked>
    <span>{name}</span>
  </div>
);

interface DoubtProps {
  readonly name: string;
  readonly value: number;
  readonly bound: string;
  /** Value of the filter `cost` that selects these calls. */
  readonly cost: "unpriced" | "no_usage";
}

/** Calls that a sum lacks, with the link to them; nothing if there are none. */
const Doubt = ({ name, value, bound, cost }: DoubtProps) =>
  value === 0 ? null : (
    <a class="figure warn" href={filteredLink({ cost })}>
      <b>
        {bound}
        <Value
          of={value}
          unit="calls"
          from={cost === "unpriced" ? "/total/unpriced" : "/total/unknown_usage"}
        >
          {count(value)}
        </Value>
      </b>
      <span>{name}</span>
    </a>
  );
