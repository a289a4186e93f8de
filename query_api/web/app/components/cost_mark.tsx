// Where a cost comes from: ● stated by the provider, ○ computed, nothing if unknown.

import type { Row } from "../api/traces.ts";

const MARKS = { reported: ["●", "stated by the sender"], computed: ["○", "computed from prices"] } as const;

export function CostMark({ source }: { readonly source: string | null }) {
  if (source === null) return <span class="mark" />;
  const [sign, text] = MARKS[source === "reported" ? "reported" : "computed"];
  return (
    <span class="mark titled" title={text}>
      <span aria-hidden="true">{sign}</span>
      <span class="sr"> {text}</span>
    </span>
  );
}

/** Return whether tokens are known and their price is unknown. */
export const isUnpriced = (row: Pick<Row, "cost_cents" | "input_tokens" | "output_tokens">): boolean =>
  row.cost_cents === null && ((row.input_tokens ?? 0) > 0 || (row.output_tokens ?? 0) > 0);
