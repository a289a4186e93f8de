// The chosen row of a trace: `?span={id}`, or `?span={id}x{count}` for a run of equal neighbours.

import { address, change } from "../../state/address.ts";
import { runOf } from "./folding.ts";
import { indexOf, spanId } from "./spans.ts";
import type { Trace } from "./use_trace.ts";

export interface Chosen {
  /** Row as in `TreeRows`. */
  readonly row: number;
  /** Id of the address if no span of the trace has it. */
  readonly missing: string | null;
}

/** Return the row that the address names; the first one if it names none. */
export function chosenRow({ spans, layout }: Trace): Chosen {
  const first = layout.order[0] ?? 0;
  const text = address.value.query.get("span");
  if (text === null) return { row: first, missing: null };
  const [id = "", repeated] = text.split("x");
  const index = indexOf(spans, id);
  if (index < 0) return { row: first, missing: id };
  const run = repeated === undefined ? -1 : layout.runs.findIndex((each) => each.first === index);
  return { row: run < 0 ? index : -1 - run, missing: null };
}

/** Choose a row. */
export function choose({ spans, layout }: Trace, row: number): void {
  const run = runOf(layout, row);
  const id = spanId(spans, run?.first ?? row);
  change({ span: run === undefined ? id : `${id}x${run.count}` });
}
