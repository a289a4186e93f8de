// The figures above the list: of exactly what is listed.

import type { Resource } from "../../api/resource.ts";
import type { Timeseries, Totals } from "../../api/timeseries.ts";
import type { RowPage } from "../../api/traces.ts";
import { Asked, type Reason } from "../../components/why.tsx";
import { count, duration, money, percent, ratio } from "../../format/numbers.ts";
import { filteredLink } from "../../state/address.ts";
import { callsReason, costReason, errorsReason, latencyReason } from "./reasons.ts";

interface Props {
  readonly sums: Resource<Timeseries>;
  readonly page: RowPage | null;
  /** The request that gives the sums. */
  readonly request: string;
}

export function Figures({ sums, page, request }: Props) {
  const total = sums.data?.total ?? null;
  if (total === null)
    return (
      <div class="strip">
        <div class="figure">
          <b>{page === null ? "" : `${page.totalIsBound ? "≥ " : ""}${count(page.total)}`}</b>
          <span>{page === null ? "" : "calls"}</span>
        </div>
      </div>
    );
  const bound = sums.data?.complete === false ? "≥ " : "";
  return (
    <div class="strip">
      <Figure
        name="calls"
        text={bound + count(total.calls)}
        total={total}
        request={request}
        ask={callsReason}
      />
      <Figure
        name="cost"
        text={bound + money(total.cost_cents)}
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
      {total.unpriced > 0 && (
        <a class="figure warn" href={filteredLink({ cost: "unpriced" })}>
          <b>{count(total.unpriced)}</b>
          <span>unpriced</span>
        </a>
      )}
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
